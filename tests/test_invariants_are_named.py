"""Every promise of the sync has a test that says so, and the page that lists them is current."""

from pathlib import Path

import pytest

from tests import invariants

PAGE = Path(__file__).resolve().parents[1] / "TESTING.md"


@pytest.mark.parametrize("name", invariants.PROMISES)
def test_a_promise_is_proved_by_a_test(name: str) -> None:
    assert [proof for proof in invariants.proofs() if proof.invariant == name], (
        f"{name} has no test: {invariants.PROMISES[name]} Mark one with @pytest.mark.invariant({name!r})."
    )


def test_no_test_proves_a_promise_that_was_never_given() -> None:
    assert {proof.invariant for proof in invariants.proofs()} <= set(invariants.PROMISES)


def test_the_page_lists_them_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == invariants.page(text), "TESTING.md is stale: run `make fix`"
