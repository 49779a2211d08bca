"""A plain IMAP client with nothing of the product in it: it delivers, and it takes the inventory.

The proofs ("nothing lost", "nothing changed on the server") compare the product with what `snapshot` sees.
"""

import base64
import datetime as dt
import email
import imaplib
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_BATCH = 100
# Python's imaplib refuses longer lines; 100,000 UIDs on one line are legal.
imaplib._MAXLINE = 20_000_000  # type: ignore[attr-defined]


class Refused(RuntimeError):  # a fact about the server, read as a sentence
    """The server answered NO or BAD; the text is its own."""


@dataclass(frozen=True)
class Delivery:
    """One email to put into a folder as if it had arrived: `internaldate` is when (default: now)."""

    raw: bytes
    folder: str = "INBOX"
    flags: tuple[str, ...] = ()
    internaldate: dt.datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What the server holds under one UID."""

    flags: frozenset[str]
    message_id: str | None
    size: int


@dataclass(frozen=True)
class FolderSnapshot:
    uidvalidity: int
    uidnext: int
    highestmodseq: int | None
    messages: dict[int, Seen] = field(default_factory=dict)

    def uids_of(self, message_id: str) -> list[int]:
        return [uid for uid, seen in self.messages.items() if seen.message_id == message_id]


def encode_folder(name: str) -> str:
    """Modified UTF-7 (RFC 3501 section 5.1.3)."""
    out: list[str] = []
    for run in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name):
        if run.isascii() and run.isprintable():
            out.append(run.replace("&", "&-"))
        else:
            coded = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append(f"&{coded}-")
    return "".join(out)


def decode_folder(name: str) -> str:
    """The inverse of `encode_folder`."""

    def one(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        coded = match[1].replace(",", "/")
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", one, name)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def append(
    host: str,
    port: int,
    user: str,
    password: str,
    deliveries: Sequence[Delivery],
    *,
    multiappend: bool = True,
) -> None:
    """Put the emails into their folders, in order; a missing folder is created and subscribed."""
    with _Connection(host, port) as connection:
        connection.command(f"LOGIN {quoted(user)} {quoted(password)}".encode())
        for folder in dict.fromkeys(one.folder for one in deliveries):
            if folder.upper() != "INBOX":
                connection.make_folder(folder)
        for group in _runs(deliveries, _BATCH if multiappend else 1):
            connection.append(group)
        connection.command(b"LOGOUT")


def _runs(deliveries: Sequence[Delivery], size: int) -> list[list[Delivery]]:
    """Consecutive emails for one folder, at most `size` of them, so that the order of arrival is kept."""
    runs: list[list[Delivery]] = []
    for one in deliveries:
        if runs and len(runs[-1]) < size and runs[-1][-1].folder == one.folder:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


class _Connection:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        greeting = self._file.readline()
        if not greeting.startswith(b"* OK"):
            raise Refused(greeting.decode(errors="replace"))

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def command(self, line: bytes) -> None:
        self._socket.sendall(b"t " + line + b"\r\n")
        while True:
            answer = self._file.readline()
            if answer.startswith(b"t OK"):
                return
            if answer.startswith(b"t ") or not answer:
                raise Refused(answer.decode(errors="replace") or "the server closed the connection")

    def make_folder(self, name: str) -> None:
        argument = quoted(encode_folder(name)).encode()
        try:
            self.command(b"CREATE " + argument)
        except Refused as refusal:
            if "exists" not in str(refusal).lower():
                raise
        self.command(b"SUBSCRIBE " + argument)

    def append(self, group: Sequence[Delivery]) -> None:
        parts = [b"APPEND " + quoted(encode_folder(group[0].folder)).encode()]
        for one in group:
            when = one.internaldate or dt.datetime.now(dt.UTC)
            if when.tzinfo is None:
                raise ValueError("internaldate needs a time zone")
            stamp = imaplib.Time2Internaldate(when)
            parts.append(f" ({' '.join(one.flags)}) {stamp} {{{len(one.raw)}+}}\r\n".encode())
            parts.append(one.raw)
        self.command(b"".join(parts))


def snapshot(host: str, port: int, user: str, password: str) -> dict[str, FolderSnapshot]:
    """Every folder that can be opened, with what it holds. Opens read-only, so it changes nothing itself."""
    with imaplib.IMAP4(host, port, timeout=60) as client:
        client.login(user, password)
        # Asked again: servers announce more after the sign-in, and imaplib keeps the earlier answer too.
        announced = frozenset(b" ".join(_checked(client.capability())).decode().upper().split())
        return {name: _look(client, name, announced) for name in _folders(client)}


def _folders(client: imaplib.IMAP4) -> list[str]:
    names = []
    for line in _checked(client.list('""', "*")):
        text = b" ".join(line) if isinstance(line, tuple) else line
        match = re.match(rb'\((?P<flags>[^)]*)\) (?:"[^"]*"|NIL) (?P<name>.*)', text, re.DOTALL)
        if match is None or rb"\noselect" in match["flags"].lower() or rb"\nonexistent" in match["flags"].lower():
            continue
        name = line[1] if isinstance(line, tuple) else match["name"]
        plain = name.decode("ascii")
        if plain.startswith('"'):
            plain = re.sub(r"\\(.)", r"\1", plain[1:-1])
        names.append(decode_folder(plain))
    return sorted(names)


def _look(client: imaplib.IMAP4, name: str, announced: frozenset[str]) -> FolderSnapshot:
    wire = quoted(encode_folder(name))
    items = "UIDVALIDITY UIDNEXT" + (" HIGHESTMODSEQ" if "CONDSTORE" in announced else "")
    (status,) = _checked(client.status(wire, f"({items})"))
    facts = {
        key.upper(): int(value) for key, value in re.findall(r"([A-Z]+) (\d+)", status.decode().rpartition("(")[2])
    }
    _checked(client.select(wire, readonly=True))
    answers = _checked(client.uid("FETCH", "1:*", "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"))
    return FolderSnapshot(
        uidvalidity=facts["UIDVALIDITY"],
        uidnext=facts["UIDNEXT"],
        highestmodseq=facts.get("HIGHESTMODSEQ"),
        messages=dict(_messages(answers)),
    )


def _messages(answers: list[Any]) -> list[tuple[int, Seen]]:
    found = []
    for position, answer in enumerate(answers):
        if not isinstance(answer, tuple):
            continue
        after = answers[position + 1] if position + 1 < len(answers) else b""
        text = answer[0] + (after if isinstance(after, bytes) else b"")
        uid = re.search(rb"\bUID (\d+)", text)
        size = re.search(rb"RFC822\.SIZE (\d+)", text)
        flags = re.search(rb"FLAGS \(([^)]*)\)", text)
        if uid is None or size is None or flags is None:
            raise Refused(f"an answer without UID, size and flags: {text!r}")
        header = email.message_from_bytes(answer[1])["Message-ID"]
        found.append(
            (
                int(uid[1]),
                Seen(
                    # \Recent belongs to the session, not to the message (RFC 3501 section 2.3.2).
                    flags=frozenset(flags[1].decode().split()) - {"\\Recent"},
                    message_id=str(header).strip().strip("<>") if header is not None else None,
                    size=int(size[1]),
                ),
            )
        )
    return found


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, data = answer
    if kind != "OK":
        raise Refused(f"{kind} {data!r}")
    return [one for one in data if one is not None]
