"""Commands about folders: finding, opening, making and filling them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from threadline.sandbox import clock
from threadline.sandbox.imap.account import (
    DELIMITER,
    Account,
    Folder,
    FolderExistsError,
    NewMessage,
    NoSuchFolderError,
)
from threadline.sandbox.imap.names import canonical, decode_name, encode_name, matches, quoted
from threadline.sandbox.imap.selected import Selected
from threadline.sandbox.imap.session import RefusedError, Session
from threadline.sandbox.imap.syntax import Cursor, MalformedError

_STATUS_ITEMS = {b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"HIGHESTMODSEQ"}
_SYSTEM_FLAGS = {
    flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}  # fmt: skip
_DATE_TIME = re.compile(r"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_NAME = 255
_MOST_FLAGS = 50


def folder_name(cursor: Cursor) -> str:
    """A folder name argument, decoded."""
    try:
        name = canonical(decode_name(cursor.astring().decode("ascii")))
    except ValueError as broken:
        raise RefusedError(str(broken), "CANNOT") from None
    if len(name) > _LONGEST_NAME:
        raise RefusedError("Folder name is too long", "CANNOT")
    return name


def existing(account: Account, name: str, code: str = "NONEXISTENT") -> Folder:
    """The folder, or the NO a client expects where it does not exist."""
    try:
        return account.folder(name)
    except NoSuchFolderError:
        raise RefusedError(f"Mailbox doesn't exist: {encode_name(name)}", code) from None


def clean_flags(flags: Iterable[str]) -> frozenset[str]:
    """System flags in their usual spelling, keywords as given. \\Recent is not the client's to set."""
    found = set()
    for flag in flags:
        if flag.startswith("\\"):
            known = _SYSTEM_FLAGS.get(flag.lower())
            if known is None:
                raise MalformedError(f"Invalid system flag {flag}")
            found.add(known)
        else:
            found.add(flag)
    if len(found) > _MOST_FLAGS:
        raise RefusedError("Too many keywords", "LIMIT")
    return frozenset(found)


# -- LIST --------------------------------------------------------------------------------------------------


async def list_folders(session: Session, cursor: Cursor) -> str:
    """LIST, with the selection and RETURN options of RFC 5258, RFC 6154 and RFC 5819."""
    cursor.space()
    selecting: list[bytes] = []
    if cursor.looks_at(b"("):
        selecting = cursor.atoms_in_parentheses()
        cursor.space()
    reference = cursor.astring().decode("ascii", "replace")
    cursor.space()
    patterns = _patterns(cursor)
    status_items: list[bytes] = []
    returning: list[bytes] = []
    if not cursor.at_end:
        cursor.space()
        cursor.expect(b"RETURN ")
        returning, status_items = _return_options(cursor)
    cursor.end()
    known = {b"SPECIAL-USE", b"SUBSCRIBED", b"CHILDREN", b"REMOTE", b"RECURSIVEMATCH"}
    if set(selecting) | set(returning) > known or ((selecting or returning) and not session.options.special_use):
        raise MalformedError("Unknown LIST option")
    if patterns == [""]:
        session.send(b'* LIST (\\Noselect) "/" ""\r\n')
        return "List completed"
    account = session.signed_in
    parents = _parents(account)
    for name, folder in _listed(account, reference, patterns):
        if b"SPECIAL-USE" in selecting and not folder.special_use:
            continue
        if b"SUBSCRIBED" in selecting and not folder.subscribed:
            continue
        subscribed = b"SUBSCRIBED" in (*selecting, *returning)
        session.send(_list_line(session, b"LIST", parents, folder, subscribed=subscribed))
        if status_items:
            session.send(_status_line(account, name, status_items))
    return "List completed"


def _patterns(cursor: Cursor) -> list[str]:
    raw = []
    if cursor.skip(b"("):
        raw.append(cursor.list_pattern())
        while not cursor.skip(b")"):
            cursor.space()
            raw.append(cursor.list_pattern())
    else:
        raw.append(cursor.list_pattern())
    if any(len(one) > _LONGEST_NAME for one in raw):
        raise RefusedError("Pattern is too long", "CANNOT")
    return [one.decode("ascii", "replace") for one in raw]


def _return_options(cursor: Cursor) -> tuple[list[bytes], list[bytes]]:
    cursor.expect(b"(")
    options: list[bytes] = []
    status_items: list[bytes] = []
    first = True
    while not cursor.skip(b")"):
        if not first:
            cursor.space()
        first = False
        option = cursor.atom()
        if option == b"STATUS":
            cursor.space()
            status_items = _status_items(cursor)
        else:
            options.append(option)
    return options, status_items


def _listed(account: Account, reference: str, patterns: list[str]) -> list[tuple[str, Folder]]:
    wanted = [canonical(reference + pattern) for pattern in patterns]
    names = sorted(account.folders, key=lambda name: (name != "INBOX", name))
    return [
        (name, account.folders[name])
        for name in names
        if any(matches(pattern, encode_name(name), DELIMITER) for pattern in wanted)
    ]


def _parents(account: Account) -> set[str]:
    """The names that have folders below them."""
    return {name[:at] for name in account.folders for at, letter in enumerate(name) if letter == DELIMITER}


def _list_line(session: Session, word: bytes, parents: set[str], folder: Folder, *, subscribed: bool) -> bytes:
    attributes = ["\\HasChildren" if folder.name in parents else "\\HasNoChildren"]
    if session.options.special_use and folder.special_use:
        attributes.append(folder.special_use)
    if subscribed and folder.subscribed:
        attributes.append("\\Subscribed")
    return b'* %s (%s) "/" %s\r\n' % (word, " ".join(attributes).encode(), quoted(encode_name(folder.name)))


async def list_subscribed(session: Session, cursor: Cursor) -> str:
    cursor.space()
    reference = cursor.astring().decode("ascii", "replace")
    cursor.space()
    patterns = _patterns(cursor)
    cursor.end()
    account = session.signed_in
    parents = _parents(account)
    for _, folder in _listed(account, reference, patterns):
        if folder.subscribed:
            session.send(_list_line(session, b"LSUB", parents, folder, subscribed=False))
    return "Lsub completed"


# -- STATUS, SELECT, EXAMINE -------------------------------------------------------------------------------


async def status(session: Session, cursor: Cursor) -> str:
    cursor.space()
    name = folder_name(cursor)
    cursor.space()
    items = _status_items(cursor)
    cursor.end()
    account = session.signed_in
    existing(account, name)
    session.condstore |= b"HIGHESTMODSEQ" in items and session.options.condstore
    session.send(_status_line(account, name, items))
    return "Status completed"


def _status_items(cursor: Cursor) -> list[bytes]:
    items = cursor.atoms_in_parentheses()
    unknown = [item for item in items if item not in _STATUS_ITEMS]
    if unknown:
        raise MalformedError(f"Unknown STATUS item {unknown[0].decode('ascii')}")
    return items


def _status_line(account: Account, name: str, items: list[bytes]) -> bytes:
    folder = account.folder(name)
    values = {
        b"MESSAGES": len(folder.uids),
        b"RECENT": sum(uid >= folder.recent_from for uid in folder.uids),
        b"UIDNEXT": folder.uid_next,
        b"UIDVALIDITY": folder.uid_validity,
        b"UNSEEN": sum("\\Seen" not in row.flags for row in folder.rows.values()),
        b"HIGHESTMODSEQ": folder.highest_modseq,
    }
    listed = b" ".join(b"%s %d" % (item, values[item]) for item in items)
    return b"* STATUS %s (%s)\r\n" % (quoted(encode_name(name)), listed)


async def select(session: Session, cursor: Cursor) -> str:
    return _open(session, cursor, read_only=False)


async def examine(session: Session, cursor: Cursor) -> str:
    return _open(session, cursor, read_only=True)


def _open(session: Session, cursor: Cursor, *, read_only: bool) -> str:
    cursor.space()
    name = folder_name(cursor)
    if not cursor.at_end:
        cursor.space()
        options = cursor.atoms_in_parentheses()
        if options != [b"CONDSTORE"] or not session.options.condstore:
            raise MalformedError("Unknown parameter")
        session.condstore = True
    cursor.end()
    account = session.signed_in
    session.leave_folder()
    folder = existing(account, name)
    session.selected = opened = Selected(account, folder, read_only=read_only)
    unseen = next((n for n, uid in enumerate(opened.uids, 1) if "\\Seen" not in folder.rows[uid].flags), 0)
    flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft"
    session.send(f"* FLAGS ({flags})\r\n".encode())
    permanent = "" if read_only else flags + " \\*"
    session.send(f"* OK [PERMANENTFLAGS ({permanent})] Flags permitted.\r\n".encode())
    session.send(opened.status_line())
    if unseen:
        session.send(b"* OK [UNSEEN %d] First unseen.\r\n" % unseen)
    session.send(b"* OK [UIDVALIDITY %d] UIDs valid\r\n" % folder.uid_validity)
    session.send(b"* OK [UIDNEXT %d] Predicted next UID\r\n" % folder.uid_next)
    if session.options.condstore:
        session.send(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % folder.highest_modseq)
    return "[READ-ONLY] Examine completed" if read_only else "[READ-WRITE] Select completed"


# -- making, renaming, filling -----------------------------------------------------------------------------


async def create(session: Session, cursor: Cursor) -> str:
    cursor.space()
    name = folder_name(cursor).rstrip(DELIMITER)
    cursor.end()
    if not name or DELIMITER * 2 in name or name.startswith(DELIMITER):
        raise RefusedError("Invalid mailbox name", "CANNOT")
    try:
        session.signed_in.create_folder(name)
    except FolderExistsError:
        raise RefusedError("Mailbox already exists", "ALREADYEXISTS") from None
    return "Create completed"


async def delete(session: Session, cursor: Cursor) -> str:
    cursor.space()
    name = folder_name(cursor)
    cursor.end()
    if name == "INBOX":
        raise RefusedError("INBOX can't be deleted", "CANNOT")
    existing(session.signed_in, name)
    session.signed_in.delete_folder(name)
    return "Delete completed"


async def rename(session: Session, cursor: Cursor) -> str:
    cursor.space()
    old = folder_name(cursor)
    cursor.space()
    new = folder_name(cursor)
    cursor.end()
    existing(session.signed_in, old)
    if "INBOX" in {old, new} or not new or new.startswith(old + DELIMITER):
        raise RefusedError("Mailbox can't be renamed so", "CANNOT")
    try:
        session.signed_in.rename_folder(old, new)
    except FolderExistsError:
        raise RefusedError("Target mailbox already exists", "ALREADYEXISTS") from None
    return "Rename completed"


async def subscribe(session: Session, cursor: Cursor) -> str:
    return _subscription(session, cursor, subscribed=True)


async def unsubscribe(session: Session, cursor: Cursor) -> str:
    return _subscription(session, cursor, subscribed=False)


def _subscription(session: Session, cursor: Cursor, *, subscribed: bool) -> str:
    cursor.space()
    name = folder_name(cursor)
    cursor.end()
    existing(session.signed_in, name)
    session.signed_in.subscribe(name, subscribed=subscribed)
    return "Completed"


async def append(session: Session, cursor: Cursor) -> str:
    cursor.space()
    name = folder_name(cursor)
    cursor.space()
    flags: frozenset[str] = frozenset()
    received = clock.now()
    if cursor.looks_at(b"("):
        flags = clean_flags(cursor.flags_in_parentheses())
        cursor.space()
    if cursor.looks_at(b'"'):
        received = _date_time(cursor.string().decode("ascii", "replace"))
        cursor.space()
    raw = cursor.literal()
    cursor.end()
    account = session.signed_in
    folder = existing(account, name, "TRYCREATE")
    uids = account.append(folder, [NewMessage(raw, received, flags)])
    return f"[APPENDUID {folder.uid_validity} {uids[0]}] Append completed."


def _date_time(text: str) -> datetime:
    match = _DATE_TIME.fullmatch(text)
    if not match or match[2].lower() not in _MONTHS:
        raise MalformedError("Invalid date-time")
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == "-" else 1)
    try:
        return datetime(
            int(match[3]), _MONTHS.index(match[2].lower()) + 1, int(match[1]),
            int(match[4]), int(match[5]), int(match[6]), tzinfo=timezone(offset),
        )  # fmt: skip
    except ValueError:
        raise MalformedError("Invalid date-time") from None
