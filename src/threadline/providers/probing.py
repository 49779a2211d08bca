"""A connection tried step by step, for `doctor` and for the check while connecting: which step fails, and why."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from threadline.domain.errors import NeedsAdmin, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import RemoteFolder, Session


class Step(Enum):
    """What is tried, in this order. The value is the word on the command line."""

    NAME_RESOLUTION = "name_resolution"
    CONNECT = "connect"
    TLS = "tls"
    SIGN_IN = "sign_in"
    CAPABILITIES = "capabilities"
    FOLDERS = "folders"
    READ_ONLY_OPEN = "read_only_open"


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """How one step went. `error` says what it means and who must act."""

    step: Step
    ok: bool
    detail: str
    error: ProviderError | None = None


def tried(steps: Iterable[tuple[Step, Callable[[], str]]]) -> list[ProbeStep]:
    """The steps up to the first that fails, that one included: each needs those before it."""
    done: list[ProbeStep] = []
    for step, run in steps:
        try:
            done.append(ProbeStep(step, True, run()))
        except ProviderError as error:
            done.append(ProbeStep(step, False, str(error), error))
            break
    return done


class Attempt(ABC):
    """One mailbox tried, from the name to the opened Inbox; what one step finds out the next ones use.

    A provider says how its server is reached. What follows once a session is open is the same for all.
    """

    session: Session  # since CAPABILITIES
    _folders: list[RemoteFolder]

    def steps(self) -> Iterator[tuple[Step, Callable[[], str]]]:
        yield Step.NAME_RESOLUTION, self.resolve_name
        yield Step.CONNECT, self.connect
        yield Step.TLS, self.protect
        yield Step.SIGN_IN, self.sign_in
        yield Step.CAPABILITIES, self.open
        yield Step.FOLDERS, self._list_folders
        yield Step.READ_ONLY_OPEN, self._open_inbox

    @abstractmethod
    def resolve_name(self) -> str: ...

    @abstractmethod
    def connect(self) -> str: ...

    @abstractmethod
    def protect(self) -> str: ...

    @abstractmethod
    def sign_in(self) -> str: ...

    @abstractmethod
    def open(self) -> str:
        """Sets `session`; says what it can do."""

    def _list_folders(self) -> str:
        self._folders = self.session.folders()
        named = [
            f"{word}: {folder.name}"
            for word, role in (("Inbox", Role.INBOX), ("Sent", Role.SENT))
            for folder in self._folders
            if folder.role is role
        ]
        return f"{len(self._folders)} folders; {', '.join(named) or 'no Inbox and no Sent folder'}"

    def _open_inbox(self) -> str:
        inbox = next((folder for folder in self._folders if folder.role is Role.INBOX), None)
        if inbox is None:
            raise NeedsAdmin("This mailbox shows no Inbox that can be opened.")
        return f"{len(self.session.list_ids(inbox).ids)} emails in {inbox.name}, opened read-only"
