"""The generated pages of the documentation are those of the program."""

from pathlib import Path

import pytest

from threadline.domain.causes import Cause
from threadline.domain.connection import Event, State
from threadline.domain.pages import PAGES, docs_page, write
from threadline.domain.visibility import Rule

FOLDER = Path(__file__).parents[2] / "docs" / "generated"


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_current(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), "run: python -m threadline.domain.pages docs/generated"


def test_the_pages_name_every_state_event_rule_and_cause(tmp_path: Path) -> None:
    write(tmp_path)
    text = "".join((tmp_path / name).read_text(encoding="utf-8") for name in PAGES)
    for word in [*State, *Event, *Rule, *Cause]:
        assert f"`{word.value}`" in text


def test_the_picture_of_the_states_has_every_state() -> None:
    picture = docs_page().partition("```mermaid")[2]
    assert all(state.value in picture for state in State)
