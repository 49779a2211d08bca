"""Mail that nobody would write by hand, against the promises of the parser; sampled here, long in `make test-long`.

A longer campaign, guided by coverage: `python -m tests.providers.mime.fuzz`. What it found is in `finds/`, named after
what it showed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.providers.mime.fuzz import Campaign, mutated
from tests.providers.mime.grammar import GROWN, MUTATED, REAL_LOOKING
from tests.providers.mime.promises import assert_kept, whole
from tests.sweep import is_long
from threadline.domain.messages import ParsedMessage
from threadline.providers.mime.parse import parse
from threadline.providers.mime.pool import Parser

FINDS = Path(__file__).parent / "finds"
EXAMPLES = 20_000 if is_long() else 120
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(MUTATED)
def test_a_real_looking_mail_that_was_mutated_keeps_every_promise(raw: bytes) -> None:
    assert_kept(raw)


@MANY
@given(GROWN)
def test_mail_grown_from_a_grammar_of_mime_keeps_every_promise(raw: bytes) -> None:
    assert_kept(raw)


@settings(max_examples=EXAMPLES // 10, deadline=None)
@given(st.lists(st.one_of(GROWN, MUTATED, REAL_LOOKING), min_size=1, max_size=20))
def test_the_child_process_answers_for_each_of_them_as_we_would(raws: list[bytes]) -> None:
    assert PARSER.parse_many([whole(raw) for raw in raws]) == [parse(whole(raw)) for raw in raws]


PARSER = Parser()


@pytest.fixture(autouse=True, scope="module")
def _parser() -> Iterator[None]:
    yield
    PARSER.close()


@pytest.mark.parametrize("path", sorted(FINDS.glob("*.eml")), ids=lambda path: path.stem)
def test_what_fuzzing_found_stays_mended(path: Path) -> None:
    assert_kept(path.read_bytes())


def test_control_characters_in_a_message_id_are_left_out() -> None:
    raw = (FINDS / "control_characters_in_a_message_id.eml").read_bytes()
    found = parse(whole(raw))
    assert isinstance(found, ParsedMessage)
    assert found.message_id == "a1„@example.org"


def test_a_campaign_counts_its_inputs_and_keeps_what_breaks_a_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(raw: bytes) -> None:
        assert b"zebra" not in raw

    monkeypatch.setattr("tests.providers.mime.promises.assert_kept", refuse)
    campaign = Campaign(tmp_path, seconds=60)
    for raw in (b"a horse", b"a zebra", b"another zebra"):
        campaign.try_one(raw)
    assert campaign.inputs == 3
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"a zebra"]  # one of each kind


def test_mutation_reaches_other_mails() -> None:
    chance = random.Random(1)
    found = {mutated(chance, b"Subject: one\r\n\r\nHello", b"Subject: two\r\n\r\nBye") for _ in range(200)}
    assert len(found) > 150
