"""Transfer encodings undone piece by piece give what they give at once."""

from __future__ import annotations

import base64
import binascii
import contextlib
import quopri
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.contract import mails
from tests.providers.contract.backends import Secrets
from tests.servers.dovecot import Dovecot
from threadline.providers.contract import Content, Held, Security, ServerSettings
from threadline.providers.imap import open_session
from threadline.providers.imap.streaming import Base64Decoder, Decoder, QuotedPrintableDecoder

OWNER = "anna@acme.test"


def decoded(decoder: Decoder, data: bytes, sizes: list[int]) -> bytes:
    out, at = [], 0
    for size in sizes:
        out.append(decoder.feed(data[at : at + size]))
        at += size
    return b"".join([*out, decoder.feed(data[at:]), decoder.end()])


SIZES = st.lists(st.integers(0, 90), max_size=12)


@given(st.binary(max_size=600), SIZES)
def test_base64_in_any_pieces(content: bytes, sizes: list[int]) -> None:
    assert decoded(Base64Decoder(), base64.encodebytes(content).replace(b"\n", b"\r\n"), sizes) == content


@given(st.binary(max_size=300), SIZES)
def test_quoted_printable_in_any_pieces(content: bytes, sizes: list[int]) -> None:
    wire = quopri.encodestring(content.replace(b"\r", b"").replace(b"\n", b"")).replace(b"\n", b"\r\n")
    assert decoded(QuotedPrintableDecoder(), wire, sizes) == binascii.a2b_qp(wire)


@given(st.binary(max_size=300), SIZES)
def test_arbitrary_bytes_never_raise(data: bytes, sizes: list[int]) -> None:
    whole = decoded(Base64Decoder(), data, [])
    assert decoded(Base64Decoder(), data, sizes) == whole
    decoded(QuotedPrintableDecoder(), data, sizes)


def test_pieces_of_base64_each_padded_are_joined() -> None:
    wire = base64.b64encode(b"a") + b"\r\n" + base64.b64encode(b"bc") + b"\r\n" + base64.b64encode(b"def")
    assert decoded(Base64Decoder(), wire, [3, 3]) == b"abcdef"


def test_what_stands_in_base64_and_is_not_base64_is_left_out() -> None:
    assert decoded(Base64Decoder(), b"aGV!s\x00bG8=\r\n-- \r\n", []) == b"hello"


def test_a_line_of_quoted_printable_without_end_does_not_fill_the_memory() -> None:
    decoder = QuotedPrintableDecoder()
    out = b"".join(decoder.feed(b"a=3D" * 10_000) for _ in range(20))
    assert len(out) > 350_000
    assert out + decoder.end() == b"a=" * 200_000


@contextlib.contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


class TestMemory:
    @pytest.mark.invariant("I9")
    def test_an_email_of_50_megabytes_is_fetched_and_streamed_in_a_few(self, dovecot: Dovecot) -> None:
        size = 50 * 10**6
        dovecot.add_user(OWNER, "secret")
        dovecot.deliver(OWNER, mails.huge(size))
        settings = ServerSettings(dovecot.host, dovecot.port, Security.NONE, OWNER)
        with _traced(), open_session(settings, Secrets("secret"), timeout=30) as session:
            folder = session.folders()[0]
            page = next(session.changes(folder, Held("", None, lambda: ())))
            (content,) = session.fetch(folder, page.generation, page.new)
            assert isinstance(content, Content)
            assert [part.body.strip() for part in content.parts] == [b"see below"]
            assert [leaf.name for leaf in content.structure] == ["talk.mp4"]
            raw = sum(map(len, session.stream_raw(folder, page.generation, "1")))
            attachment = sum(map(len, session.stream_part(folder, page.generation, "1", "2")))
            peak = tracemalloc.get_traced_memory()[1]
        assert raw == page.new[0].size
        assert attachment == size // 78 * 57
        assert peak < 4 * 2**20
