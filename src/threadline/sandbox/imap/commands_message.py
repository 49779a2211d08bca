"""Commands about the messages of the open folder."""

from __future__ import annotations

import asyncio

from threadline.sandbox.imap.account import Row
from threadline.sandbox.imap.commands_folder import clean_flags, existing, folder_name
from threadline.sandbox.imap.fetch import Answer, Items, read_items
from threadline.sandbox.imap.search import BadCharsetError, Candidate, KeyReader, read_charset
from threadline.sandbox.imap.selected import Selected
from threadline.sandbox.imap.session import FarewellError, RefusedError, Session
from threadline.sandbox.imap.sets import SequenceSet, compact
from threadline.sandbox.imap.syntax import Cursor, MalformedError

_FLUSH_EVERY = 65_536
_PAUSE_EVERY = 200  # messages after which other connections get their turn
_SEARCH_RETURNS = {b"MIN", b"MAX", b"ALL", b"COUNT"}


def _writable(session: Session) -> Selected:
    opened = session.opened
    if opened.read_only:
        raise RefusedError("Mailbox is read-only", "NOPERM")
    return opened


# -- FETCH -------------------------------------------------------------------------------------------------


async def fetch(session: Session, cursor: Cursor) -> str:
    return await _fetch(session, cursor, uid=False)


async def uid_fetch(session: Session, cursor: Cursor) -> str:
    return await _fetch(session, cursor, uid=True)


async def _fetch(session: Session, cursor: Cursor, *, uid: bool) -> str:
    opened = session.opened
    cursor.space()
    chosen = SequenceSet.parse(cursor.sequence_set())
    cursor.space()
    items = read_items(cursor)
    since = _changed_since(session, cursor)
    cursor.end()
    if items.wants_modseq:
        if not session.options.condstore:
            raise MalformedError("Unknown parameter MODSEQ")
        session.condstore = True
    if since is not None:
        items = items.plus(b"MODSEQ")
    if uid:
        items = items.plus(b"UID")
    rows = [pair for pair in opened.pick(chosen, uid=uid) if since is None or pair[1].modseq > since]
    await _answer(session, opened, rows, items)
    return "Fetch completed"


def _changed_since(session: Session, cursor: Cursor) -> int | None:
    if cursor.at_end:
        return None
    cursor.space()
    cursor.expect(b"(CHANGEDSINCE ")
    since = cursor.number()
    cursor.expect(b")")
    if not session.options.condstore:
        raise MalformedError("Unknown FETCH modifier")
    session.condstore = True
    return since


async def _answer(session: Session, opened: Selected, rows: list[tuple[int, Row]], items: Items) -> None:
    marks_seen = items.marks_seen and not opened.read_only
    cut = bool(rows) and session.faults.take_cut()
    pending = 0
    for place, (number, listed) in enumerate(rows, 1):
        row, asked = opened.folder.rows.get(listed.uid), items
        if row is None:
            continue  # Expunged by another client while this answer was on its way (RFC 2180 section 4.1).
        if marks_seen and "\\Seen" not in row.flags:
            opened.account.set_flags(opened.folder, {row.uid: row.flags | {"\\Seen"}})
            opened.forget_change(row.uid)
            row, asked = opened.folder.rows[row.uid], items.plus(b"FLAGS")
        written = Answer(opened.account, row, opened.flags(row)).write(number, asked)
        if cut:
            session.send(written[: len(written) // 2])
            await session.flush()
            raise FarewellError
        session.send(written)
        pending += len(written)
        if pending > _FLUSH_EVERY:
            pending = 0
            await session.flush()
        if place % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)


# -- SEARCH ------------------------------------------------------------------------------------------------


async def search(session: Session, cursor: Cursor) -> str:
    return await _search(session, cursor, uid=False)


async def uid_search(session: Session, cursor: Cursor) -> str:
    return await _search(session, cursor, uid=True)


async def _search(session: Session, cursor: Cursor, *, uid: bool) -> str:
    opened = session.opened
    cursor.space()
    returning = _read_return(session, cursor)
    charset = "utf-8"
    if cursor.skip(b"CHARSET "):
        try:
            charset = read_charset(cursor)
        except BadCharsetError:
            raise RefusedError("Unknown charset", "BADCHARSET (US-ASCII UTF-8)") from None
        cursor.space()
    reader = KeyReader(cursor, charset)
    test = reader.read_all()
    if reader.uses_modseq:
        if not session.options.condstore:
            raise MalformedError("Unknown search key MODSEQ")
        session.condstore = True
    highest = (len(opened.uids), opened.uids[-1] if opened.uids else 0)
    found: list[tuple[int, Row]] = []
    for number, known in enumerate(list(opened.uids), 1):
        row = opened.folder.rows.get(known)
        recent = known in opened.recent
        if row and test(Candidate(opened.account, number, row, recent=recent, highest=highest)):
            found.append((number, row))
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    session.send(_search_answer(session, found, returning, uid=uid, with_modseq=reader.uses_modseq))
    return "Search completed"


def _read_return(session: Session, cursor: Cursor) -> list[bytes] | None:
    """The options of RETURN (RFC 4731), or None for a plain SEARCH."""
    if not cursor.skip(b"RETURN "):
        return None
    options = cursor.atoms_in_parentheses() or [b"ALL"]
    if not session.options.esearch or set(options) - _SEARCH_RETURNS:
        raise MalformedError("Unknown SEARCH return option")
    cursor.space()
    return options


def _search_answer(
    session: Session,
    found: list[tuple[int, Row]],
    returning: list[bytes] | None,
    *,
    uid: bool,
    with_modseq: bool,
) -> bytes:
    numbers = [row.uid if uid else number for number, row in found]
    highest = max((row.modseq for _, row in found), default=0)
    if returning is None:
        listed = b"".join(b" %d" % number for number in numbers)
        return b"* SEARCH" + listed + (b" (MODSEQ %d)" % highest if with_modseq and found else b"") + b"\r\n"
    pieces = [b'* ESEARCH (TAG "' + session.tag + b'")' + (b" UID" if uid else b"")]
    if numbers and b"MIN" in returning:
        pieces.append(b"MIN %d" % numbers[0])
    if numbers and b"MAX" in returning:
        pieces.append(b"MAX %d" % numbers[-1])
    if numbers and b"ALL" in returning:
        pieces.append(b"ALL " + compact(numbers))
    if b"COUNT" in returning:
        pieces.append(b"COUNT %d" % len(numbers))
    if with_modseq and found:
        pieces.append(b"MODSEQ %d" % highest)
    return b" ".join(pieces) + b"\r\n"


# -- STORE, COPY, MOVE, EXPUNGE ----------------------------------------------------------------------------


async def store(session: Session, cursor: Cursor) -> str:
    return _store(session, cursor, uid=False)


async def uid_store(session: Session, cursor: Cursor) -> str:
    return _store(session, cursor, uid=True)


def _store(session: Session, cursor: Cursor, *, uid: bool) -> str:
    opened = _writable(session)
    cursor.space()
    chosen = SequenceSet.parse(cursor.sequence_set())
    cursor.space()
    limit: int | None = None
    if cursor.skip(b"(UNCHANGEDSINCE "):
        limit = cursor.number()
        cursor.expect(b") ")
        if not session.options.condstore:
            raise MalformedError("Unknown STORE modifier")
        session.condstore = True
    action = cursor.atom()
    if action.removesuffix(b".SILENT") not in {b"FLAGS", b"+FLAGS", b"-FLAGS"}:
        raise MalformedError("Unknown STORE item")
    cursor.space()
    given = _flag_list(cursor)
    cursor.end()
    changes: dict[int, frozenset[str]] = {}
    refused: list[int] = []
    for number, row in opened.pick(chosen, uid=uid):
        if limit is not None and row.modseq > limit:
            refused.append(row.uid if uid else number)
            continue
        flags = {b"+": row.flags | given, b"-": row.flags - given}.get(action[:1], given)
        if flags != row.flags:
            changes[row.uid] = flags
        elif not action.endswith(b".SILENT"):
            opened.changed(row.uid)
    opened.account.set_flags(opened.folder, changes)
    if action.endswith(b".SILENT") and not session.condstore:
        for changed in changes:
            opened.forget_change(changed)
    if refused:
        return f"[MODIFIED {compact(refused).decode()}] Conditional store failed for some"
    return "Store completed"


def _flag_list(cursor: Cursor) -> frozenset[str]:
    if cursor.looks_at(b"("):
        return clean_flags(cursor.flags_in_parentheses())
    flags = [cursor.flag()]
    while not cursor.at_end:
        cursor.space()
        flags.append(cursor.flag())
    return clean_flags(flags)


async def copy(session: Session, cursor: Cursor) -> str:
    return _transfer(session, cursor, uid=False, move=False)


async def uid_copy(session: Session, cursor: Cursor) -> str:
    return _transfer(session, cursor, uid=True, move=False)


async def move(session: Session, cursor: Cursor) -> str:
    return _transfer(session, cursor, uid=False, move=True)


async def uid_move(session: Session, cursor: Cursor) -> str:
    return _transfer(session, cursor, uid=True, move=True)


def _transfer(session: Session, cursor: Cursor, *, uid: bool, move: bool) -> str:
    opened = _writable(session) if move else session.opened
    cursor.space()
    chosen = SequenceSet.parse(cursor.sequence_set())
    cursor.space()
    name = folder_name(cursor)
    cursor.end()
    target = existing(opened.account, name, "TRYCREATE")
    uids = [row.uid for _, row in opened.pick(chosen, uid=uid)]
    word = "Move" if move else "Copy"
    if not uids:
        return f"{word} completed, no messages"
    transfer = opened.account.move if move else opened.account.copy
    made = transfer(opened.folder, uids, target)
    code = f"[COPYUID {target.uid_validity} {compact(uids).decode()} {compact(made).decode()}]"
    if move:
        # RFC 6851 section 4.3: before the EXPUNGE responses, so that the client can follow the messages.
        session.send(f"* OK {code} Moved\r\n".encode())
        return "Move completed"
    return f"{code} Copy completed"


async def expunge(session: Session, cursor: Cursor) -> str:
    opened = _writable(session)
    cursor.end()
    opened.account.expunge(opened.folder, _deleted(opened))
    return "Expunge completed"


async def uid_expunge(session: Session, cursor: Cursor) -> str:
    opened = _writable(session)
    cursor.space()
    chosen = SequenceSet.parse(cursor.sequence_set())
    cursor.end()
    named = set(chosen.uids(opened.uids))
    opened.account.expunge(opened.folder, [uid for uid in _deleted(opened) if uid in named])
    return "Expunge completed"


def _deleted(opened: Selected) -> list[int]:
    return [uid for uid, row in opened.folder.rows.items() if "\\Deleted" in row.flags]


async def close(session: Session, cursor: Cursor) -> str:
    cursor.end()
    opened = session.opened
    if not opened.read_only:
        opened.account.expunge(opened.folder, _deleted(opened))
    session.leave_folder()
    return "Close completed"


async def unselect(session: Session, cursor: Cursor) -> str:
    cursor.end()
    session.leave_folder()
    return "Unselect completed"
