"""What a provider did not say itself is said to be likely, by the sentence as by the cause beside it."""

from __future__ import annotations

import pytest

from threadline.domain.errors import AccountGone, NeedsAdmin, NeedsUser
from threadline.providers.graph import errors as graph
from threadline.providers.imap import errors as imap
from threadline.providers.oauth import errors as oauth

ROWS = [
    *(*oauth.ROWS, *oauth.BY_ERROR.values()),
    *(*graph.ROWS, *graph._BY_STATUS.values()),
    *imap.ROWS,
]
SOMEBODY = (NeedsUser, NeedsAdmin, AccountGone)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.certain and issubclass(row.error, SOMEBODY)])
def test_who_is_asked_to_act_reads_what_is_only_likely(row: oauth.Row | graph.Row | imap.Row) -> None:
    assert "likely" in row.says.lower()


@pytest.mark.parametrize("row", [row for row in ROWS if row.certain])
def test_what_was_said_is_not_called_likely(row: oauth.Row | graph.Row | imap.Row) -> None:
    assert "likely" not in row.says.lower()
