"""Encoded words as mail really writes them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.encoded_words import decode_words


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?J=C3=BCrg_M?=", "Jürg M"),
        ("=?UTF-8?B?SsO8cmc=?=", "Jürg"),
        ("=?utf-8?b?SsO8cmc?=", "Jürg"),
        ("Re: =?iso-8859-1?q?caf=E9?= now", "Re: café now"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?=\r\n =?iso-8859-1?q?=E9?=", "aé"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("=?utf-8*en?q?x?=", "x"),
        ("=?iso-8859-1?q?=93x=94?=", "“x”"),
        ("=?gb2312?b?xOO6ww==?=", "你好"),
        ("=?ks_c_5601-1987?b?vsiz5w==?=", "안녕"),
        ("=?no-such-charset?q?=C3=A9?=", "é"),
        ("=?unicode_escape?q?=5Cu0041?=", "\\u0041"),
        ("=?utf-8?q?=E9?=", "é"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
    ],
)
def test_encoded_words_are_decoded(raw: str, text: str) -> None:
    assert decode_words(raw) == text


@given(
    st.text(alphabet="=?utf-8qbQB_ AC3\n") | st.from_regex(r"(=\?(utf-8|idna|utf-16|utf-7|hex)\?[qb]\?[^?]{0,9}\?= ?)*")
)
def test_no_garbage_makes_it_fail(raw: str) -> None:
    decode_words(raw)


def test_many_words_are_decoded_in_linear_time() -> None:
    begun = time.process_time()
    decode_words("=?utf-8?q?a?= " * 100_000)
    assert time.process_time() - begun < 3


def test_a_charset_label_with_nul_in_it_is_no_charset() -> None:
    assert decode_words("=?utf-8\x00x?Q?hello?=")
