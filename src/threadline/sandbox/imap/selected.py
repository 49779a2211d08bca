"""A folder as one session has it open: its own message numbers, and what it has yet to be told."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

from threadline.sandbox.imap.account import Account, Folder, Row
from threadline.sandbox.imap.sets import SequenceSet


class Selected:
    """The view of a session.

    Message numbers only change when `updates` tells the client so (RFC 3501 section 7.4.1).
    """

    def __init__(self, account: Account, folder: Folder, *, read_only: bool) -> None:
        self.account = account
        self.folder = folder
        self.read_only = read_only
        self.uids = list(folder.uids)
        self.gone = False
        self.wake = asyncio.Event()
        self._arrived: list[int] = []
        self._changed: dict[int, None] = {}
        self._expunged: dict[int, None] = {}
        first = folder.recent_from if read_only else account.take_recent(folder)
        self.recent = set(self.uids[bisect_left(self.uids, first) :])
        folder.watchers.append(self)

    def close(self) -> None:
        """Stop watching the folder."""
        if self in self.folder.watchers:
            self.folder.watchers.remove(self)

    # -- the folder tells us -------------------------------------------------------------------------------

    def arrived(self, uid: int) -> None:
        self._arrived.append(uid)
        self.wake.set()

    def changed(self, uid: int) -> None:
        self._changed[uid] = None
        self.wake.set()

    def expunged(self, uid: int) -> None:
        self._expunged[uid] = None
        self.wake.set()

    def invalidated(self) -> None:
        self.gone = True
        self.wake.set()

    # -- we tell the client --------------------------------------------------------------------------------

    def forget_change(self, uid: int) -> None:
        """The client has just been told of this one, or asked not to be."""
        self._changed.pop(uid, None)

    def updates(self, *, with_expunges: bool, with_modseq: bool) -> bytes:
        """Untagged responses for everything that happened since.

        Expunges wait where numbers must not shift.
        """
        self.wake.clear()
        lines: list[bytes] = []
        if with_expunges:
            for uid in self._expunged:
                place = bisect_left(self.uids, uid)
                if place < len(self.uids) and self.uids[place] == uid:
                    del self.uids[place]
                    self.recent.discard(uid)
                    lines.append(b"* %d EXPUNGE\r\n" % (place + 1))
            self._expunged.clear()
        fresh = [uid for uid in self._arrived if uid in self.folder.rows]
        if self._arrived:
            self.uids.extend(fresh)
            first = self.folder.recent_from if self.read_only else self.account.take_recent(self.folder)
            self.recent.update(uid for uid in fresh if uid >= first)
            lines.append(b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(self.uids), len(self.recent)))
            self._arrived.clear()
        for uid in self._changed:
            row = self.folder.rows.get(uid)
            number = self.number(uid)
            if row and number:
                extra = b" MODSEQ (%d)" % row.modseq if with_modseq else b""
                lines.append(b"* %d FETCH (UID %d FLAGS %s%s)\r\n" % (number, uid, self.flags(row), extra))
        self._changed.clear()
        return b"".join(lines)

    # -- looking things up ---------------------------------------------------------------------------------

    def number(self, uid: int) -> int:
        """The message number of a UID in this view, 0 when it is not in it."""
        place = bisect_left(self.uids, uid)
        return place + 1 if place < len(self.uids) and self.uids[place] == uid else 0

    def pick(self, chosen: SequenceSet, *, uid: bool) -> list[tuple[int, Row]]:
        """Number and row of the chosen messages that still exist, ascending."""
        if uid:
            pairs = [(self.number(found), found) for found in chosen.uids(self.uids)]
        else:
            pairs = [(number, self.uids[number - 1]) for number in chosen.numbers(len(self.uids))]
        rows = self.folder.rows
        return [(number, rows[found]) for number, found in pairs if found in rows]

    def flags(self, row: Row) -> bytes:
        """The parenthesised flags, with \\Recent where this session was the first to see the message."""
        shown = sorted(row.flags)
        if row.uid in self.recent:
            shown.append("\\Recent")
        return b"(" + " ".join(shown).encode("ascii") + b")"

    def status_line(self) -> bytes:
        """EXISTS and RECENT."""
        return b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(self.uids), len(self.recent))
