"""How the messages of a folder are cut into batches: each is one transaction, and one step that a page sees."""

from __future__ import annotations

import pytest

from threadline.providers.contract import RemoteItem
from threadline.services.refresh.batches import BATCH_BYTES, EXPECTED_OF_ONE, plan

MEGABYTE = 1_000_000


def mails(count: int, size: int) -> list[RemoteItem]:
    return [RemoteItem(str(number), size, None) for number in range(count, 0, -1)]


@pytest.mark.parametrize(
    ("count", "batches"),
    [
        (0, []),
        (1, [1]),
        (499, [499]),
        (500, [100, 200, 200]),
        (1_250, [100, 200, 400, 275, 250, 25]),
        (5_000, [100, 200, 400, 800, 1_000, 1_000, 750, 375, 250, 125]),
    ],
)
def test_of_many_small_ones_the_first_and_the_last_batches_are_small(count: int, batches: list[int]) -> None:
    items = mails(count, 2_000)
    planned = list(plan(items))
    assert [len(batch) for batch in planned] == batches
    assert [item for batch in planned for item in batch] == items


def test_a_batch_is_cut_by_what_is_fetched_of_each() -> None:
    planned = list(plan(mails(300, 5 * MEGABYTE)))  # of each only the texts: not more than of a small one
    assert [len(batch) for batch in planned] == [112, 112, 76]
    assert all(sum(min(item.size, EXPECTED_OF_ONE) for item in batch) <= BATCH_BYTES for batch in planned)
