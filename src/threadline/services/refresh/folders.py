"""Keeps the table of a mailbox's folders as the server lists them, and decides which are Inbox and Sent items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from threadline.domain.folders import Role
from threadline.providers.contract import RemoteFolder
from threadline.services.refresh.work import Work
from threadline.storage.models import Folder, Mailbox


def list_folders(work: Work, *, now: datetime) -> None:
    """Ask the server for its folders and store what changed."""
    remote = work.session.folders()
    with work.storing("folders"):
        by_name = store_folders(work.mailbox, remote, now=now)
    work.remote = {by_name[folder.remote_name].pk: folder for folder in remote}


def store_folders(mailbox: Mailbox, remote: Sequence[RemoteFolder], *, now: datetime) -> dict[str, Folder]:
    """Bring the folder table in line; a folder that is not listed any more is kept and marked."""
    known = {folder.remote_name: folder for folder in mailbox.folders.all()}
    roles = roles_of(
        remote, {name: f.override for name, f in known.items() if f.override in {"inbox", "sent", "other"}}
    )
    for folder in remote:
        role = roles[folder.remote_name].value
        row = known.get(folder.remote_name)
        if row is None:
            known[folder.remote_name] = Folder.objects.create(
                mailbox=mailbox,
                remote_name=folder.remote_name,
                name=folder.name,
                role=role,
                special_use=folder.special_use,
            )
        elif (row.name, row.role, row.special_use, row.missing_since) != (
            folder.name,
            role,
            folder.special_use,
            None,
        ):
            row.name, row.role, row.special_use, row.missing_since = (
                folder.name,
                role,
                folder.special_use,
                None,
            )
            row.save(update_fields=["name", "role", "special_use", "missing_since"])
    listed = {folder.remote_name for folder in remote}
    gone = [row.pk for name, row in known.items() if name not in listed and row.missing_since is None]
    # Should it come back, all its ids are compared before its cursor would count again.
    Folder.objects.filter(pk__in=gone).update(missing_since=now, cursor=None)
    return known


def roles_of(remote: Sequence[RemoteFolder], overrides: dict[str, str]) -> dict[str, Role]:
    """The roles the provider found, with the owner's word above them: who names a Sent folder means that one."""
    said = {name: Role(word) for name, word in overrides.items()}
    named_sent = Role.SENT in said.values()
    found = {
        folder.remote_name: Role.OTHER if named_sent and folder.role is Role.SENT else folder.role for folder in remote
    }
    return found | {name: role for name, role in said.items() if name in found}
