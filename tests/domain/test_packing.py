"""What is packed comes out as it went in, and nothing comes out that is larger than what is kept."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.packing import LARGEST, NotPacked, pack, unpack
from threadline.providers.mime import limits


@given(st.text())
def test_text_comes_out_as_it_went_in(text: str) -> None:
    assert unpack(pack(text)) == text


def test_nothing_takes_no_room() -> None:
    assert pack("") == b""


def test_what_repeats_takes_little_room() -> None:
    assert len(pack("<td>Hello</td>" * 1000)) < 100


def test_the_longest_html_that_is_read_can_be_packed() -> None:
    longest = "\U0001f4e7" * limits.HTML_CHARS
    assert unpack(pack(longest)) == longest


def test_a_lone_surrogate_is_no_reason_to_lose_the_rest() -> None:
    assert unpack(pack("before \ud800 after")) == "before ? after"


@given(st.binary(min_size=1))
def test_other_bytes_are_refused(octets: bytes) -> None:
    with pytest.raises(NotPacked):
        unpack(octets)


def test_a_bomb_that_says_so_is_refused() -> None:
    with pytest.raises(NotPacked, match=f"{LARGEST + 1} bytes"):
        unpack(zstandard.ZstdCompressor().compress(bytes(LARGEST + 1)))


def test_a_bomb_that_does_not_say_so_is_refused() -> None:
    maker = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    bomb = maker.compress(bytes(LARGEST + 1)) + maker.flush()
    assert zstandard.frame_content_size(bomb) == -1
    with pytest.raises(NotPacked):
        unpack(bomb)


def test_damage_is_refused() -> None:
    packed = bytearray(pack("Hello " * 100 + "World"))
    with pytest.raises(NotPacked):
        unpack(bytes(packed[:-3]))
