"""Sets of ids: what is written can be read back, in lines no longer than asked for."""

from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.imap import uids

IDS = st.sets(st.integers(1, 300) | st.integers(1, uids.HIGHEST), max_size=60)


@given(IDS, st.integers(30, 200), st.integers(1, 20))
def test_chunks_cover_every_id_once_and_keep_to_the_length(ids: set[int], octets: int, at_most: int) -> None:
    ordered = sorted(ids, reverse=True)
    seen: list[int] = []
    for text, some in uids.chunks(ordered, octets, at_most=at_most):
        assert len(text) <= octets + 22
        assert len(some) <= at_most
        assert list(uids.each(uids.read(text))) == sorted(some)
        seen += some
    assert seen == ordered


@given(IDS)
def test_ranges_hold_exactly_their_ids(ids: set[int]) -> None:
    ranges = uids.from_ids(ids)
    assert uids.count(ranges) == len(ids)
    assert set(uids.each(ranges, newest_first=True)) == ids
    assert all(uids.contains(ranges, uid) == (uid in ids) for uid in [*ids, *(uid + 1 for uid in ids), 0])


@given(st.text(alphabet="0123456789:,*x ", max_size=40))
def test_reading_never_raises_and_is_ordered(text: str) -> None:
    ranges = uids.read(text)
    assert ranges == sorted(ranges)


def test_overlaps_and_reversed_ranges_are_put_right() -> None:
    assert uids.read("9:5,1,6:12,2") == [(1, 2), (5, 12)]
    assert uids.read("3:*") == [(3, uids.HIGHEST)]
