"""Which folder is the Inbox and which holds sent mail.

A flag of the server decides first (RFC 6154, or the older XLIST), then the name. The owner can always say
otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from threadline.domain.folder_names import SENT_RANK, folded
from threadline.domain.utf7 import decode


class Role(Enum):
    """What a folder is for. The value is the word in the API and on the command line."""

    INBOX = "inbox"
    SENT = "sent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder as the server lists it, with what is known of its contents."""

    remote_name: str  # the name on the wire; identifies the folder
    name: str  # the name a person reads
    flags: frozenset[str] = frozenset()  # as listed, e.g. "\\Sent"
    delimiter: str | None = "/"  # of `name`
    messages: int | None = None
    newest: datetime | None = None  # the newest mail in it
    selectable: bool = True


INCLUDE = "include"  # an override: the folder keeps its role and counts as if it were the Inbox
OVERRIDES = frozenset({INCLUDE, *(role.value for role in Role)})

_UNSELECTABLE = frozenset({"\\noselect", "\\nonexistent"})
_OTHER_USES = (
    *(
        "\\all",
        "\\archive",
        "\\drafts",
        "\\flagged",
        "\\junk",
        "\\trash",
        "\\important",
    ),  # RFC 6154, RFC 8457
    *("\\allmail", "\\spam", "\\starred"),  # XLIST (Gmail, Zoho, Yandex)
)
# Where a server puts the folders of its own. A "Sent" anywhere else is a folder that somebody made.
_SYSTEM_PARENTS = frozenset({"inbox", "[gmail]", "[google mail]", "mail"})


def role_of(name: str, flags: Collection[str], delimiter: str | None) -> tuple[Role, str]:
    """The role of one folder and the flag that decided it ("" when the name did, or nothing).

    `name` may be the name on the wire (modified UTF-7) or the decoded one.
    """
    lowered = {flag.lower(): flag for flag in flags}
    if _UNSELECTABLE & lowered.keys():
        return Role.OTHER, ""
    if name.casefold() == "inbox":  # RFC 9051 section 5.1: in any case; Yahoo lists "Inbox"
        return Role.INBOX, ""
    for flag, role in (("\\sent", Role.SENT), ("\\inbox", Role.INBOX)):
        if flag in lowered:
            return role, lowered[flag]
    for flag in _OTHER_USES:
        if flag in lowered:
            return Role.OTHER, lowered[flag]
    return (Role.SENT, "") if _rank(name, delimiter) is not None else (Role.OTHER, "")


def choose_roles(folders: Sequence[ListedFolder], overrides: Mapping[str, str]) -> dict[str, Role]:
    """The role of every folder, by its name on the wire: one Inbox, at most one Sent folder, the rest other.

    `overrides` names folders (on the wire, or as a person reads them) and says inbox, sent, other or include.
    The owner's word stands: with folders the owner calls sent, no other is. INBOX stays the Inbox unless it
    is itself overridden.
    """
    said = _said(folders, overrides)
    free = [folder for folder in folders if folder.remote_name not in said and folder.selectable]
    roles = dict.fromkeys((folder.remote_name for folder in folders), Role.OTHER)
    inbox = _choose_inbox(free)
    if inbox:
        roles[inbox.remote_name] = Role.INBOX
    sent = _choose_sent(free)
    if sent and Role.SENT not in said.values():
        roles[sent.remote_name] = Role.SENT
    return roles | said


def _said(folders: Sequence[ListedFolder], overrides: Mapping[str, str]) -> dict[str, Role]:
    said: dict[str, Role] = {}
    for folder in folders:
        word = overrides.get(folder.remote_name, overrides.get(folder.name, INCLUDE))
        if word not in OVERRIDES:
            raise ValueError(f"{word!r} is no role of a folder; expected one of {', '.join(sorted(OVERRIDES))}")
        if word != INCLUDE:
            said[folder.remote_name] = Role(word)
    return said


def _choose_inbox(folders: Sequence[ListedFolder]) -> ListedFolder | None:
    inboxes = [folder for folder in folders if _role(folder)[0] is Role.INBOX]
    return min(inboxes, key=lambda folder: folder.name.casefold() != "inbox", default=None)


def _choose_sent(folders: Sequence[ListedFolder]) -> ListedFolder | None:
    """Two Sent folders are common: the server's own, and one that a client made."""
    sent = [folder for folder in folders if _role(folder)[0] is Role.SENT]
    return min(sent, key=_likeliness, default=None)


def _likeliness(folder: ListedFolder) -> tuple[bool, float, int, int, str]:
    newest = folder.newest or datetime.min.replace(tzinfo=UTC)
    rank = _rank(folder.name, folder.delimiter)
    return (
        not _role(folder)[1],
        -newest.timestamp() if folder.newest else float("inf"),
        -(folder.messages or 0),
        len(SENT_RANK) if rank is None else rank,
        folder.remote_name,
    )


def _role(folder: ListedFolder) -> tuple[Role, str]:
    return role_of(folder.name, folder.flags, folder.delimiter)


def _rank(name: str, delimiter: str | None) -> int | None:
    """The place of the name among the known names of Sent folders; None when it is none."""
    path = [name] if not delimiter else name.split(delimiter)
    *parents, last = (folded(decode(part)) for part in path)
    if len(parents) > 1 or any(parent not in _SYSTEM_PARENTS for parent in parents):
        return None
    return SENT_RANK.get(last)
