"""The sync engine in a few lines: holds what it was given, in the order in which the real one stores it."""

from __future__ import annotations

from collections import Counter

from threadline.domain.folders import Role
from threadline.providers.contract import ChangePage, Content, FetchFailure, Held, RemoteFolder, Session


class Interrupted(Exception):
    """The refresh was killed."""


class Engine:
    """What is held of one folder."""

    def __init__(self) -> None:
        self.generation = ""
        self.cursor: str | None = None
        self.held: dict[str, Content] = {}
        self.failures: list[FetchFailure] = []
        self.flags: dict[str, frozenset[str]] = {}
        self.gone: set[str] = set()
        self.fetched: Counter[str] = Counter()
        self.pages: list[ChangePage] = []

    def ids(self) -> list[str]:
        return [*self.held, *(failure.item.remote_id for failure in self.failures)]

    def refresh(self, session: Session, folder: RemoteFolder, *, kill_after: int | None = None) -> list[ChangePage]:
        """One refresh; `kill_after` that many messages it dies before its next step."""
        self.pages = []
        for page in session.changes(folder, Held(self.generation, self.cursor, self.ids)):
            self.pages.append(page)
            if page.generation != self.generation:
                self.held, self.flags, self.generation, self.cursor = {}, {}, page.generation, None
            for answer in session.fetch(folder, page.generation, page.new):
                if kill_after is not None and len(self.held) >= kill_after:
                    raise Interrupted
                if isinstance(answer, FetchFailure):
                    self.failures.append(answer)
                    continue
                self.held[answer.item.remote_id] = answer
                self.flags[answer.item.remote_id] = answer.item.flags
                self.fetched[answer.item.remote_id] += 1
            self.flags |= dict(page.flags)
            self.gone |= set(page.gone)
            if page.last:
                self.cursor = page.cursor
        return self.pages

    def new(self) -> list[str]:
        """The ids that the last refresh called new."""
        return [item.remote_id for page in self.pages for item in page.new]


def inbox(session: Session) -> RemoteFolder:
    return next(folder for folder in session.folders() if folder.role is Role.INBOX)


def named(session: Session, name: str) -> RemoteFolder:
    return next(folder for folder in session.folders() if folder.name == name)
