"""Is everything here? All remote ids of the synced folders, compared with what is held and what the ledger explains.

`on_server = held + ledger + new + missing`: `new` arrived after the last completed listing; every candidate for missing
or unexpected was looked up again by its id before it counts (I12). Missing ones are fetched at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from threadline.clock import now
from threadline.domain.connection import State
from threadline.domain.coverage import covers
from threadline.domain.errors import ProviderError
from threadline.domain.facts import Where
from threadline.providers.contract import RemoteFolder, RemoteItem, Session
from threadline.providers.mime.pool import Parser
from threadline.services import gaps
from threadline.services.errors import Conflict
from threadline.services.refresh.alongside import indexing
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.services.refresh.departures import settle
from threadline.services.refresh.folders import list_folders
from threadline.services.refresh.items import load_items
from threadline.services.refresh.load import load_folder
from threadline.services.refresh.rebind import here_by_other_numbers
from threadline.services.refresh.report import FolderReport, Report
from threadline.services.refresh.work import Work
from threadline.services.sessions import open_mailbox
from threadline.storage import leases
from threadline.storage.among import among_texts
from threadline.storage.models import Copy, Folder, LedgerEntry, Mailbox, Refresh, Verification


@dataclass(slots=True)
class FolderCheck:
    """One folder's figures; `missing` is what was missing when we looked, `repaired` how many of those are held now."""

    role: str
    name: str
    on_server: int = 0
    held: int = 0
    ledger: int = 0
    new: int = 0
    missing: list[dict[str, Any]] = field(default_factory=list)
    repaired: int = 0
    unexpected: list[dict[str, Any]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.on_server == self.held + self.ledger + self.new

    def as_json(self) -> dict[str, Any]:
        names = ("role", "name", "on_server", "held", "ledger", "new", "missing", "repaired", "unexpected")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Check:
    """The result for a mailbox."""

    checked_at: datetime
    folders: tuple[FolderCheck, ...]

    @property
    def complete(self) -> bool:
        return all(folder.complete for folder in self.folders)

    def as_json(self) -> dict[str, Any]:
        return {
            "complete": self.complete,
            "checked_at": self.checked_at,
            "folders": [folder.as_json() for folder in self.folders],
        }


def verify(mailbox_id: int, *, opening: Callable[[Mailbox], Session] = open_mailbox) -> Check:
    """Compare, repair and keep the result. Raises the provider's errors, and `leases.Busy` during a refresh."""
    began = now()
    with leases.hold(mailbox_id) as lease, Parser() as parser, ExitStack() as stack:
        mailbox = Mailbox.objects.select_related("company").get(pk=mailbox_id)
        stack.enter_context(_failure_kept(mailbox, lease))
        with lease.storing():  # what a check brings of the time of a gap is recovered too
            gap = gaps.begin(mailbox, now=began)
        work = Work(
            mailbox=mailbox,
            company=mailbox.company,
            lease=lease,
            run=Refresh(mailbox=mailbox, trigger="verify", fence=lease.fence, started_at=now()),
            parser=parser,
            session=opening(mailbox),
            reopen=lambda: opening(mailbox),
            report=Report(),
            gap=gap,
            keeps_progress=False,
        )
        stack.callback(work.close)
        list_folders(work, now=now())
        with indexing() as work.index:
            checks = [_check(work, folder) for folder in work.synced_folders()]
        settle(work, now=now())
        check = Check(now(), tuple(checks))
        with lease.storing():
            _keep(mailbox, check)
            if not check.complete:
                _fetch_again(work, check)
            asked = Mailbox.objects.filter(pk=mailbox_id, verification_requested_at__lte=began)
            asked.update(verification_requested_at=None)
    return check


@contextmanager
def _failure_kept(mailbox: Mailbox, lease: leases.Lease) -> Iterator[None]:
    """A check that the provider did not let come to its end is noted: the one before does not speak for now."""
    began = now()
    try:
        yield
    except ProviderError as error:
        with lease.storing():
            Refresh.objects.create(
                mailbox=mailbox,
                trigger="verify",
                fence=lease.fence,
                started_at=began,
                finished_at=now(),
                outcome="failed",
                cause=error.cause.value,
                sentence=str(error)[:500],
            )
        raise


def _fetch_again(work: Work, check: Check) -> None:
    """What could not be repaired at once is the next refresh's to bring: at once, and by comparing all ids."""
    names = [folder.name for folder in check.folders if not folder.complete]
    Folder.objects.filter(mailbox=work.mailbox, name__in=names).update(cursor=None)
    connected = Mailbox.objects.filter(pk=work.mailbox.pk, state=State.CONNECTED.value)
    connected.filter(next_refresh_at__gt=check.checked_at).update(next_refresh_at=check.checked_at)


def _keep(mailbox: Mailbox, check: Check) -> None:
    Verification.objects.create(
        mailbox=mailbox,
        checked_at=check.checked_at,
        complete=check.complete,
        on_server=sum(folder.on_server - folder.new for folder in check.folders),
        accounted_for=sum(folder.held + folder.ledger for folder in check.folders),
        folders=[folder.as_json() for folder in check.folders],
    )


def _check(work: Work, folder: Folder) -> FolderCheck:
    remote = work.remote[folder.pk]
    check = FolderCheck(role=folder.role, name=folder.name)
    listing = work.session.list_ids(remote)
    if folder.listed_at is None:
        check.on_server = len(listing.ids)  # never listed to its end: what is held is what a refresh has brought so far
        check.held = len(_held(folder) & listing.ids) if listing.generation == folder.generation else 0
        return check
    if listing.generation != folder.generation or _is_left_behind(folder):
        # Renumbered since, or a refresh was stopped while it found the copies behind their new ids: by id nothing can
        # be compared before all of them are found again.
        load_folder(work, folder)
        listing = work.session.list_ids(remote)
    held, ledger = _held(folder), _in_ledger(folder)
    new, unknown = _sort_out(folder, listing.ids - held - ledger)
    there = _look_up(work.session, remote, listing.generation, unknown)
    items = [(item, message_id) for item, message_id in there if not _is_new(folder, item.remote_id, item.received_at)]
    check.on_server = len(listing.ids) - (len(unknown) - len(there))
    check.new = len(new) + len(there) - len(items)
    check.missing = [{"id": item.remote_id, "message_id": message_id} for item, message_id in items]
    if items:
        report = FolderReport(role=folder.role, name=folder.name)
        load_items(work, folder, remote, listing.generation, [item for item, _ in items], report)
        held_now, ledger_now = _held(folder), _in_ledger(folder)
        check.repaired = sum(item.remote_id in held_now for item, _ in items)
        held, ledger = held_now, ledger_now
    still = _still_there(work.session, remote, listing.generation, (held | ledger) - listing.ids)
    _forget_set_aside(work, folder, ledger - listing.ids - still)
    still &= held
    check.on_server += len(still)
    listed = listing.ids | still
    unexpected = held - listed
    if unexpected:
        work.departed.setdefault(folder.pk, set()).update(unexpected)
        check.unexpected = _described(folder, unexpected)
    check.held, check.ledger = len(held & listed), len((ledger - held) & listed)
    return check


def _forget_set_aside(work: Work, folder: Folder, gone: Collection[str]) -> None:
    """What is neither listed nor found by its id needs no further try."""
    if gone:
        entries = LedgerEntry.objects.filter(folder=folder, generation=folder.generation, next_try_at__isnull=False)
        with work.storing(folder.name):
            entries.filter(remote_id__in=among_texts(gone)).delete()


def _is_left_behind(folder: Folder) -> bool:
    """Whether copies still stand under a numbering that the server has given up."""
    return bool(here_by_other_numbers(folder, folder.generation))


def _held(folder: Folder) -> frozenset[str]:
    here = Copy.objects.filter(folder=folder, generation=folder.generation, where=Where.HERE.value)
    return frozenset(here.filter(awaits_text=False).values_list("remote_id", flat=True))


def _in_ledger(folder: Folder) -> frozenset[str]:
    entries = LedgerEntry.objects.filter(folder=folder, generation=folder.generation)
    return frozenset(entries.values_list("remote_id", flat=True))


def _sort_out(folder: Folder, unknown: Iterable[str]) -> tuple[set[str], set[str]]:
    """(arrived after the last completed listing, to be looked up). Where ids rise, the id alone says which are new."""
    new: set[str] = set()
    others: set[str] = set()
    for remote_id in unknown:
        (new if _is_new(folder, remote_id, None) else others).add(remote_id)
    return new, others


def _is_new(folder: Folder, remote_id: str, received_at: datetime | None) -> bool:
    return covers(folder.listed_up_to, remote_id, received_at) is False


def _look_up(
    session: Session, remote: RemoteFolder, generation: str, ids: Iterable[str]
) -> list[tuple[RemoteItem, str | None]]:
    wanted = sorted(ids)
    if not wanted:
        return []
    from threadline.providers.mime.parse import headers_only  # noqa: PLC0415  seldom needed, slow to load

    return [(item, headers_only(block).message_id) for item, block in session.headers(remote, generation, wanted)]


def _still_there(session: Session, remote: RemoteFolder, generation: str, ids: Collection[str]) -> frozenset[str]:
    """Which of the ids that the listing left out exist all the same: a server's search may lag behind."""
    if not ids:
        return frozenset()
    return frozenset(item.remote_id for item, _ in session.headers(remote, generation, sorted(ids)))


def _described(folder: Folder, ids: Iterable[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        copies = Copy.objects.filter(
            folder=folder, generation=folder.generation, remote_id__in=wanted[start : start + 500]
        )
        rows += [
            {"id": remote_id, "message_id": message_id}
            for remote_id, message_id in copies.values_list("remote_id", "message__message_id")
        ]
    return rows


def sentence(check: Verification) -> str:
    """ "1,204 of 1,204 accounted for", and where that is not all, what happens with the rest."""
    return in_words(check.accounted_for, check.on_server)


def in_words(accounted_for: int, on_server: int) -> str:
    said = f"{accounted_for:,} of {on_server:,} accounted for"
    missing = on_server - accounted_for
    return said if missing <= 0 else f"{said}; {missing:,} {'is' if missing == 1 else 'are'} being fetched again"


def ask_for(mailbox: Mailbox) -> None:
    """Note that this mailbox shall be verified now. Asking twice is asking once."""
    if mailbox.state in NOT_REFRESHABLE:
        raise Conflict("This mailbox is not connected. Connect it again first; then it is checked by itself.")
    Mailbox.objects.filter(pk=mailbox.pk, verification_requested_at=None).update(verification_requested_at=now())


def latest(mailbox: Mailbox) -> Verification | None:
    return mailbox.verifications.order_by("-checked_at").first()
