"""The servers that the contract is tried on, each behind the same few levers.

A backend is the provider's own world: it delivers, files, flags and removes mail as other mail programs do, and says
what the mailbox holds, by a client of its own. Adding a provider means adding one here.
"""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tests.providers.contract.graph_backend import OWNER, GraphBackend
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery, FolderSnapshot, encode_folder, quoted
from threadline.domain.causes import Cause
from threadline.providers.contract import Security, ServerSettings, Session
from threadline.providers.imap import open_session

PASSWORD = "correct horse"


class Backend(Protocol):
    """The levers that every provider's world has. Folders are named by their path; the Inbox is "INBOX"."""

    inbox_name: str  # as a person reads it
    refusal_cause: Cause  # of a sign-in that is refused

    def open(self) -> Session: ...

    def open_refused(self) -> Session:
        """Open with what is not accepted any more."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """What the provider must never repeat."""
        ...

    def deliver(self, *raws: bytes, folder: str = "INBOX") -> None: ...

    def let_time_pass(self) -> None:
        """So long that an email delivered now is told from one delivered before."""
        ...

    def ids(self, folder: str = "INBOX") -> list[str]:
        """The ids of a folder, the oldest first."""
        ...

    def gone_id(self) -> str:
        """An id of a message that does not exist."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Everything in the mailbox that somebody could change."""
        ...

    def flag(self, key: str, flag: str, folder: str = "INBOX") -> None: ...

    def remove(self, *keys: str, folder: str = "INBOX") -> None: ...

    def move(self, key: str, to: str, folder: str = "INBOX") -> None: ...

    def raw(self, key: str, folder: str = "INBOX") -> bytes:
        """The message as another client gets it."""
        ...


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

    def renewed(self, rejected: str, claims: str = "") -> str:
        raise AssertionError(f"nobody renews this ({len(rejected)}, {claims})")


class ImapBackend:
    """An IMAP server with one account."""

    inbox_name = "INBOX"
    refusal_cause = Cause.CREDENTIALS_REJECTED

    def __init__(self, server: Server) -> None:
        self.server = server
        server.add_user(OWNER, PASSWORD)

    def settings(self) -> ServerSettings:
        return ServerSettings(self.server.host, self.server.port, Security.NONE, OWNER)

    def open(self, password: str = PASSWORD) -> Session:
        return open_session(self.settings(), Secrets(password), timeout=20)

    def open_refused(self) -> Session:
        return self.open("wrong")

    def secrets(self) -> tuple[str, ...]:
        return (PASSWORD, "wrong")

    def let_time_pass(self) -> None:
        """Ids rise."""

    def ids(self, folder: str = "INBOX") -> list[str]:
        return [str(uid) for uid in sorted(self.snapshot()[folder].messages)]

    def gone_id(self) -> str:
        return "7777"

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
NUMBERED = {**dict.fromkeys(_ANNOUNCED, "dovecot"), "pymap": "pymap"}  # name -> the server it needs
BACKENDS = {**NUMBERED, "graph": None}


@contextlib.contextmanager
def start(name: str, running: Callable[[str], Any]) -> Iterator[ImapBackend | GraphBackend]:
    """A backend by its name; `running` gives a server that many tests share, by the name of its fixture."""
    if name == "graph":
        yield GraphBackend(running("microsoft"))
    elif name == "pymap":
        yield ImapBackend(running("pymap_server"))
    else:
        with Dovecot(capability=_ANNOUNCED[name]) as dovecot:
            yield DovecotBackend(dovecot)
