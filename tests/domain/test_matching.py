"""Message keys, snippets, reference ids and base subjects."""

import time
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.world import NOON
from threadline.domain.conversation import (
    base_subject,
    is_reply_or_forward,
    message_ids,
    normalise_message_id,
    reference_ids,
)
from threadline.domain.matching import KEY_BYTES, key_of, message_key, snippet
from threadline.domain.messages import Address, MessageKind, ParsedMessage

FIELDS: dict[str, Any] = {
    "message_id": None, "sender": ["jane@example.org"], "date": NOON, "subject": "Offer", "to": ["kim@agency.example"],
    "text": "Dear Kim",
}  # fmt: skip


def key(**changes: Any) -> bytes:
    return message_key(**(FIELDS | changes))


def test_copies_of_one_message_share_a_key_whatever_its_body_and_recipients_look_like() -> None:
    one = key(message_id="a@b")
    assert len(one) == KEY_BYTES
    assert one == key(message_id="a@b", subject="[list] Offer", text="Banner! Dear Kim", to=[])
    assert one == key(message_id="a@b", sender=["Jane@EXAMPLE.org"])
    assert one == key(message_id="a@b", date=NOON.astimezone(timezone(timedelta(hours=5))).replace(microsecond=7))


@pytest.mark.parametrize(
    "changes", [{"message_id": "A@b"}, {"sender": ["eve@example.org"]}, {"date": None},
     {"date": NOON + timedelta(seconds=1)}],
    ids=str,
)  # fmt: skip
def test_a_message_with_another_id_sender_or_date_is_another_message(changes: dict[str, Any]) -> None:
    assert key(message_id="a@b") != key(**({"message_id": "a@b"} | changes))


def test_without_a_message_id_what_it_says_decides() -> None:
    assert key() == key(text="Dear  \r\nKim", subject="Offer ")
    assert key(text="x" * 4096 + "one") == key(text="x" * 4096 + "two")
    others: list[dict[str, Any]] = [
        {"text": "Dear Lee"},
        {"subject": "Other"},
        {"to": []},
        {"sender": []},
        {"date": None},
        {"message_id": "a@b"},
    ]
    assert len({key(), *(key(**other) for other in others)}) == len(others) + 1


def test_fields_cannot_be_shifted_into_each_other() -> None:
    assert key(subject="from", to=[]) != key(subject="", to=["from"])


@given(st.text(), st.text(), st.none() | st.text())
def test_a_key_is_made_of_any_text(subject: str, text: str, message_id: str | None) -> None:
    assert len(key(subject=subject, text=text, message_id=message_id)) == KEY_BYTES


def test_the_key_of_a_parsed_message_is_the_key_of_its_fields() -> None:
    address = Address("Jane", "jane@example.org")
    kim = Address("", "kim@agency.example")
    message = ParsedMessage(
        None, "Offer", (address,), (), (kim,), (), (), NOON, (), (), b"Dear Kim", b"", (), MessageKind.PERSONAL, ""
    )
    assert key_of(message) == key()
    assert key_of(replace(message, message_id="a@b")) == key(message_id="a@b")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Hello\r\n\r\n  Kim,\tthanks", "Hello Kim, thanks"),
        ("> quoted\nMine\n> quoted", "Mine"),
        ("Mine\n-- \nJane Doe", "Mine"),
        ("Mine\nOn Mon, 2 Mar 2026 at 10:00, Kim wrote:\n> x", "Mine"),
        ("Mine\n-----Original Message-----\nFrom: Kim", "Mine"),
        ("\u200b\u034f \u00adPreview\u200c", "Preview"),
        ("", ""),
    ],
)
def test_a_snippet_shows_what_the_sender_wrote(text: str, line: str) -> None:
    assert snippet(text.encode()) == line


@given(st.text())
def test_a_snippet_is_one_short_line(text: str) -> None:
    line = snippet(text.encode())
    assert len(line) <= 200
    assert line == " ".join(line.split())


@given(st.text(min_size=1).filter(str.strip), st.integers(1, 4_000))
def test_a_snippet_of_a_long_text_is_that_of_its_beginning(word: str, times: int) -> None:
    """Only the beginning is decoded, cut anywhere: no half a character gets into the line."""
    text = f"{word} " * times
    line = snippet(text.encode())
    assert "\ufffd" not in line or "\ufffd" in word
    assert snippet(text[:30_000].encode()) == line


@pytest.mark.parametrize("own", [120, 150, 190])
@pytest.mark.parametrize("quoted", [3, 6, 20])
def test_an_attribution_at_the_end_of_what_is_read_is_no_word_of_the_senders(own: int, quoted: int) -> None:
    words = "My own words and more of them. " * 7
    text = f"{words[:own]}\n" + "> quoted so far and no further\n" * quoted
    text += "On Tue, 3 Nov 2026 at 10:11, Maximiliane Mustermann-Beispiel <max@example.org> wrote:\n> Hello\n" * 20
    assert snippet(text.encode()) == " ".join(words[:own].split())


@pytest.mark.parametrize("before", ["", "\n", "Hi Anna,\n", "> quoted\n" * 60])
def test_one_endless_line_is_shown_from_its_beginning(before: str) -> None:
    own = before if before.startswith("Hi") else ""
    line = snippet(f"{before}{'word ' * 6_000}".encode())
    assert line.startswith(f"{own.strip()} word word".strip())
    assert len(line) > 190


def test_a_long_snippet_ends_between_words() -> None:
    line = snippet(b"word " * 100)
    assert line.endswith("word…")
    assert len(line) <= 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<a@b>", "a@b"),
        ("a@b", "a@b"),
        (" <A@b> ", "A@b"),
        ('<"a"@b>', "a@b"),
        ('<"a b"@c>', "ab@c"),
        ('<"a\\"b"@c>', '"a\\"b"@c'),
        ("<a.\r\n b@c>", "a.b@c"),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]"),
        ("<abc>", None),
        ("<@b>", None),
        ("<a@>", None),
        ("<a@b@c>", None),
        ("", None),
        ("<" + "a" * 999 + "@b>", None),
    ],
)
def test_message_ids_are_compared_without_brackets_and_needless_quotes(text: str, found: str | None) -> None:
    assert normalise_message_id(text) == found


def test_references_name_the_conversation_oldest_first() -> None:
    assert reference_ids("c@x", "<b@x>", "<a@x> <b@x>") == ("a@x", "b@x")


def test_without_valid_references_the_first_valid_id_of_in_reply_to_counts() -> None:
    assert reference_ids("c@x", 'Your message of "Monday" <no-id> <b@x> <d@x>', "garbage <") == ("b@x",)
    assert reference_ids("c@x", ["b@x", "d@x"], []) == ("b@x",)


def test_a_message_never_refers_to_itself_or_twice_to_another() -> None:
    assert reference_ids("<c@x>", "", "<a@x><c@x><a@x>") == ("a@x",)
    assert reference_ids("c@x", "<c@x>", "") == ()
    assert reference_ids(None, "", "") == ()


def test_of_too_many_references_the_root_and_the_last_ones_stay() -> None:
    ids = reference_ids(None, "", " ".join(f"<{n}@x>" for n in range(5000)))
    assert len(ids) == 100
    assert (ids[0], ids[1], ids[-1]) == ("0@x", "4901@x", "4999@x")


@given(st.text(alphabet='<>@"\\ ab\r\n') | st.text())
def test_no_header_makes_reference_ids_fail(text: str) -> None:
    for found in reference_ids(None, text, text):
        assert normalise_message_id(found) == found
    assert isinstance(message_ids(text), tuple)


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Offer", "Offer"),
        ("Re: Offer", "Offer"),
        ("RE: Fwd: re: Offer", "Offer"),
        ("Re[2]: Offer", "Offer"),
        ("Re [2] : Offer", "Offer"),
        ("[list] Re: Offer", "Offer"),
        ("Re: [list] Offer", "Offer"),
        ("[list]", "[list]"),
        ("Offer (fwd) (FWD)", "Offer"),
        ("[Fwd: Re: Offer]", "Offer"),
        ("Re:  a\t b ", "a b"),
        ("AW: WG: Angebot", "Angebot"),
        ("SV: VS: Tilbud", "Tilbud"),
        ("RV: RES: ENC: Oferta", "Oferta"),
        ("TR: Offre", "Offre"),
        ("Antw: Doorst: Aanbod", "Aanbod"),
        ("ODP: Oferta", "Oferta"),
        ("Ynt: Teklif", "Teklif"),
        ("回复：答复: 转发：报价", "报价"),
        ("Regarding: Offer", "Regarding: Offer"),
        ("Re", "Re"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_the_base_subject_is_free_of_reply_and_forward_marks(subject: str, base: str) -> None:
    assert base_subject(subject) == base
    assert is_reply_or_forward(subject) == (base != " ".join(subject.split()))


@given(st.text(alphabet="[]()re:fwdRE AW \t回复") | st.text())
def test_a_base_subject_is_its_own_base_subject(subject: str) -> None:
    assert base_subject(base_subject(subject)) == base_subject(subject)


@pytest.mark.parametrize("part", ["[", "[x]", "re: ", "[x] re[", "(fwd)", "[fwd: "])
def test_a_hostile_subject_is_read_quickly(part: str) -> None:
    begun = time.process_time()
    base_subject(part * 100_000)
    assert time.process_time() - begun < 1
