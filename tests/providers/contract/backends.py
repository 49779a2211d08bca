"""The servers that the contract is tried on, each behind the same few levers.

A backend is the provider's own world: it delivers, files, flags and removes mail as other mail programs do, and says
what the mailbox holds, by a client of its own. Adding a provider means adding one here.
"""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator
from typing import Any, Protocol

from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery, FolderSnapshot, encode_folder, quoted
from tests.servers.pymap import PymapServer
from threadline.providers.contract import Security, ServerSettings, Session
from threadline.providers.imap import open_session

OWNER = "anna@acme.test"
PASSWORD = "correct horse"


class Server(Protocol):
    """What the real servers of the tests have in common."""

    host: str
    port: int

    def add_user(self, name: str, password: str) -> None: ...

    def set_password(self, user: str, password: str) -> None: ...

    def deliver_many(self, user: str, deliveries: list[Delivery]) -> None: ...

    def snapshot(self, user: str) -> dict[str, FolderSnapshot]: ...


class Secrets:
    """A token source with a password, or with an access token."""

    def __init__(self, password: str = "", token: str | None = None) -> None:
        self._password = password
        self._token = token

    def password(self) -> str:
        return self._password

    def access_token(self) -> str | None:
        return self._token


class ImapBackend:
    """An IMAP server with one account."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.add_user(OWNER, PASSWORD)

    def settings(self) -> ServerSettings:
        return ServerSettings(self.server.host, self.server.port, Security.NONE, OWNER)

    def open(self, password: str = PASSWORD) -> Session:
        return open_session(self.settings(), Secrets(password), timeout=20)

    def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        self.server.deliver_many(OWNER, [Delivery(raw, folder, (), None) for raw in raws])

    def snapshot(self) -> dict[str, FolderSnapshot]:
        return self.server.snapshot(OWNER)

    def set_password(self, password: str) -> None:
        self.server.set_password(OWNER, password)

    def flag(self, uid: str, flag: str, folder: str = "INBOX") -> None:
        with self._other_client(folder) as client:
            client.uid("STORE", uid, "+FLAGS", f"({flag})")

    def remove(self, *uids: str, folder: str = "INBOX") -> None:
        with self._other_client(folder) as client:
            client.uid("STORE", ",".join(uids), "+FLAGS", "(\\Deleted)")
            client.expunge()

    def move(self, uid: str, to: str, folder: str = "INBOX") -> None:
        with self._other_client(folder) as client:
            if client.list('""', quoted(encode_folder(to)))[1] == [None]:  # pymap breaks at a folder that exists
                client.create(quoted(encode_folder(to)))
            client.uid("MOVE", uid, quoted(encode_folder(to)))

    def raw(self, uid: str, folder: str = "INBOX") -> bytes:
        """The message as another client gets it."""
        with self._other_client(folder) as client:
            _, answer = client.uid("FETCH", uid, "(BODY.PEEK[])")
            return bytes(answer[0][1])

    def renumber(self, folder: str) -> None:
        """The folder is made anew, with the same mail in it."""
        with self._other_client(folder) as client:
            _, answer = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
            raws = [bytes(one[1]) for one in answer if isinstance(one, tuple)]
            client.select("INBOX")
            client.delete(quoted(encode_folder(folder)))
        self.deliver(*raws, folder=folder)

    @contextlib.contextmanager
    def _other_client(self, folder: str) -> Iterator[Any]:
        with imaplib.IMAP4(self.server.host, self.server.port, timeout=20) as client:
            client.login(OWNER, PASSWORD)
            client.select(quoted(encode_folder(folder)))
            yield client


class DovecotBackend(ImapBackend):
    """Dovecot can give a folder a new UIDVALIDITY and keep the UIDs, as after a restore from backup."""

    server: Dovecot

    def renumber(self, folder: str) -> None:
        self.server.change_uidvalidity(OWNER, folder)


# What is announced decides what is used: QRESYNC, CONDSTORE alone (as Gmail), plain UID listing (as Exchange, Yandex).
_ANNOUNCED = {
    "dovecot": None,
    "dovecot as Gmail": "IMAP4rev1 SASL-IR ID ENABLE IDLE UIDPLUS CHILDREN CONDSTORE ESEARCH LITERAL- SPECIAL-USE MOVE",
    "dovecot as Courier": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=REFERENCES SORT IDLE MOVE",
}
BACKENDS = {**dict.fromkeys(_ANNOUNCED, "dovecot"), "pymap": "pymap"}  # name -> the server it needs


@contextlib.contextmanager
def start(name: str) -> Iterator[ImapBackend]:
    """Starts a backend by its name."""
    if name == "pymap":
        with PymapServer() as pymap:
            yield ImapBackend(pymap)
    else:
        with Dovecot(capability=_ANNOUNCED[name]) as dovecot:
            yield DovecotBackend(dovecot)
