"""Emails as senders and attackers build them: grown from a grammar of MIME, and real-looking ones that were mutated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

ODD = Path(__file__).parent / "odd"

_TYPES = st.sampled_from(
    [
        "text/plain", "text/html", "text/plain; charset=utf-8", "text/plain; charset=utf-7", "text/html; charset=big5",
        "text/plain; charset=\"x\\\"", "text/calendar; method=REQUEST", "message/rfc822", "message/delivery-status",
        "application/pdf; name*0*=utf-8''%41; name*1=b", "image/png; name=\"=?utf-8?B?w6k=?=\"", "text", "/", ";;;", "",
        "multipart/mixed", "application/octet-stream; name=\x1b[31m.exe",
    ]
)  # fmt: skip
_ENCODINGS = st.sampled_from(["7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "binary", "base64;x", "\x00"])
_DISPOSITIONS = st.sampled_from(
    ["inline", "attachment", 'attachment; filename="a\\"b.pdf"', "attachment; filename*=utf-8''%F0%9F", "x;;=;="]
)
_BOUNDARIES = st.sampled_from(["b", "b1", "bb", "=_x", " b", "b ", "-", "--b", 'q"q', "ü"])
_CONTENTS = st.one_of(
    st.sampled_from(
        [b"hi", b"aGVsbG8=", b"aGVsbG8", b"!!==", b"=C3=A9=\r\n", b"=", b"begin 644 x\r\n#86)C\r\nend",
         b"<p>a<script>x", b"<img src=x onerror=y>", b"--b", b"--b--", b"\xff\xfe\x00", b"&#xD800;", b"From x\r\n"]
    ),
    st.binary(max_size=40),
)  # fmt: skip


def _part(content_type: str, encoding: str, disposition: str, content: bytes) -> bytes:
    head = (
        f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\nContent-Disposition: {disposition}"
    )
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content


def _multipart(kind: str, boundary: str, children: list[bytes], closed: bool) -> bytes:
    mark = b"--" + boundary.encode()
    inner = b"".join(mark + b"\r\n" + child + b"\r\n" for child in children) + (mark + b"--\r\n") * closed
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + inner


_LEAVES = st.builds(_part, _TYPES, _ENCODINGS, _DISPOSITIONS, _CONTENTS)
_KINDS = st.sampled_from(["mixed", "alternative", "related", "digest", "report", "signed", ""])
_ENTITIES = st.recursive(
    _LEAVES,
    lambda inner: st.builds(_multipart, _KINDS, _BOUNDARIES, st.lists(inner, max_size=4), st.booleans()),
    max_leaves=12,
)
_VALUES = st.sampled_from(
    [
        "Jane <jane@example.org>", '"J, D" <j@x.example>', "=?utf-8?Q?J=C3=B6rg?= <j@x.example>", "=?utf-16?B?2AA?=",
        "<>", "@", "a@b@c", "undisclosed-recipients:;", "x: y, z;", "(((", '"', "<a@b> <c@d>",
        "\x1b]0;x\x07 <e@f.example>",
        "=cmd|' /C calc'!A1 <g@h.example>", "Mon, 1 Jan 2024 10:00:00 +0100", "Mon, 99 Foo 0000 99:99:99 +9999", "-1",
        "<id@x.example>", "<id with space@x>", "<" * 40, "=?x?y?z?=", "\r\n folded", "a\0b", "\xe9", "<i>&amp;",
    ]
)  # fmt: skip
_NAMES = st.sampled_from(
    ["From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "List-Id",
     "Auto-Submitted", "MIME-Version", "X-Odd", "from ", ""]
)  # fmt: skip
_LINES = st.builds(lambda name, value: f"{name}: {value}".encode("latin-1", "replace"), _NAMES, _VALUES)

GROWN = st.builds(
    lambda lines, entity, end: end.join([*lines, entity]),
    st.lists(_LINES, max_size=8),
    _ENTITIES,
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)

_PIECES = st.one_of(
    _CONTENTS,
    st.sampled_from(
        [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b":", b";", b'"', b"<", b"=?", b"?=", b"\xc3", b"%", b"*"]
    ),
)


def _changed(raw: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    """Each change at a place (taken modulo the length): a piece put in or over it, a stretch left out or doubled."""
    ways: dict[str, Callable[[bytes, int, int, bytes], bytes]] = {
        "insert": lambda text, at, _, piece: text[:at] + piece + text[at:],
        "overwrite": lambda text, at, _, piece: text[:at] + piece + text[at + len(piece) :],
        "leave out": lambda text, at, size, _: text[:at] + text[at + size :],
        "double": lambda text, at, size, _: text[: at + size] + text[at : at + size] + text[at + size :],
        "cut": lambda text, at, _, __: text[:at],
    }
    for way, at, size, piece in changes:
        raw = ways[way](raw, at % (len(raw) + 1), size, piece)
    return raw


_CHANGES = st.tuples(
    st.sampled_from(["insert", "overwrite", "leave out", "double", "cut"]),
    st.integers(0, 5_000),
    st.integers(1, 80),
    _PIECES,
)
REAL_LOOKING = st.sampled_from([path.read_bytes() for path in sorted(ODD.glob("*.eml"))])
MUTATED = st.builds(_changed, REAL_LOOKING, st.lists(_CHANGES, min_size=1, max_size=8))
