"""What the steps of one refresh share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from threadline.providers.contract import RemoteFolder, Session
from threadline.providers.mime.pool import Parser
from threadline.services.policy import policy_of
from threadline.services.refresh.report import Report
from threadline.storage.leases import Lease
from threadline.storage.models import Company, Folder, Gap, Mailbox, Refresh


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
    departed: dict[int, set[str]] = field(default_factory=dict)  # folder id -> remote ids that left its listing
    remote: dict[int, RemoteFolder] = field(default_factory=dict)  # folder id -> the folder as the server lists it

    @contextmanager
    def storing(self, step: str) -> Iterator[None]:
        """A storing transaction that also shows how far we are."""
        with self.lease.storing():
            yield
            if self.keeps_progress:
                self.run.progress = self.report.progress(step)
                self.run.save(update_fields=["progress"])
        if self.watch is not None:
            self.watch(self.report, step)

    def synced_folders(self) -> list[Folder]:
        """Inbox first, then Sent items, then what the owner or the company included."""
        order = {"inbox": 0, "sent": 1, "other": 2}
        folders = [folder for folder in self.mailbox.folders.all() if folder.pk in self.remote]
        wanted = [f for f in folders if self.remote[f.pk].selectable and (f.synced or self._every_folder(f))]
        return sorted(wanted, key=lambda folder: (order[folder.role], folder.name))

    def _every_folder(self, folder: Folder) -> bool:
        return policy_of(self.company).other_folders and folder.override != "other"
