"""What the steps of one refresh share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from threadline.domain.errors import ProviderError
from threadline.providers.contract import RemoteFolder, Session
from threadline.providers.mime.pool import Parser
from threadline.services.policy import policy_of
from threadline.services.refresh.report import Report
from threadline.storage.leases import RENEW_AFTER, Lease
from threadline.storage.models import Company, Folder, Gap, Mailbox, Refresh

MOST_CONNECTIONS = 24  # fresh ones in one refresh, for those that broke: enough to find two messages that break them


@dataclass(slots=True)
class Work:
    """One refresh under way."""

    mailbox: Mailbox
    company: Company
    lease: Lease
    run: Refresh
    session: Session
    parser: Parser
    reopen: Callable[[], Session]  # a fresh connection, for what one connection's word is not enough
    report: Report
    gap: Gap | None
    keeps_progress: bool = True  # the run is a row that pages look at
    watch: Callable[[Report, str], None] | None = None  # told after every step, for a terminal
    index: Callable[[], None] = lambda: None  # called when something was stored (`alongside.indexing`)
    departed: dict[int, set[str]] = field(default_factory=dict)  # folder id -> remote ids that left its listing
    cursors: dict[int, str] = field(default_factory=dict)  # folder id -> where it stands once `departed` is decided
    remote: dict[int, RemoteFolder] = field(default_factory=dict)  # folder id -> the folder as the server lists it
    reconnected: int = 0
    ended: bool = False  # nothing more is fetched: what still reads ahead is not to connect again
    fetched_bytes: int = 0  # of emails, and the time it took to get them: how fast the link is
    fetching_seconds: float = 0.0
    stored_at: float = field(default_factory=time.monotonic)

    @contextmanager
    def storing(self, step: str) -> Iterator[None]:
        """A storing transaction that also shows how far we are."""
        with self.lease.storing():
            yield
            if self.keeps_progress:
                self.run.progress = self.report.progress(step)
                self.run.save(update_fields=["progress"])
        self.stored_at = time.monotonic()
        if self.watch is not None:
            self.watch(self.report, step)

    def keep_alive(self, step: str) -> None:
        """Renew the lease when nothing was stored for a while: a slow server must not cost us the mailbox."""
        if time.monotonic() - self.stored_at >= RENEW_AFTER.total_seconds():
            with self.storing(step):
                pass

    def reconnect(self, error: ProviderError) -> None:
        """A fresh connection in place of one that broke by `error`; raises that when too many did, or all has ended."""
        if self.ended or self.reconnected >= MOST_CONNECTIONS:
            raise error
        self.reconnected += 1
        self.session.close()
        self.keep_alive("connecting again")
        self.session = self.reopen()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Who ends early, for another reason than the provider gives, waits for no more than the answer under way: what
        reads ahead, in a thread of its own, then fetches nothing more."""
        try:
            yield
        except ProviderError:
            raise
        except BaseException:
            self.ended = True
            raise

    def close(self) -> None:
        self.session.close()

    def synced_folders(self) -> list[Folder]:
        """Inbox first, then Sent items, then what the owner or the company included."""
        order = {"inbox": 0, "sent": 1, "other": 2}
        folders = [folder for folder in self.mailbox.folders.all() if folder.pk in self.remote]
        wanted = [f for f in folders if self.remote[f.pk].selectable and (f.synced or self._every_folder(f))]
        return sorted(wanted, key=lambda folder: (order[folder.role], folder.name))

    def _every_folder(self, folder: Folder) -> bool:
        return policy_of(self.company).other_folders and folder.override != "other"
