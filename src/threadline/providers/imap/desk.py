"""The folder that lies open, and the questions asked about it.

One folder is open at a time, by EXAMINE, never by SELECT: nothing here can change the mailbox. A question names the
folder and the generation (UIDVALIDITY) it is about; where another folder was opened in between, it is opened again.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from threadline.domain.errors import CursorLost, MessageGone, MessageUnreadable, ProviderError, Transient
from threadline.providers.contract import RemoteItem
from threadline.providers.imap import commands, parse, uids
from threadline.providers.imap.channel import Channel, Part, Refused
from threadline.providers.imap.parse import Data, Fetched, Status
from threadline.providers.imap.signin import refusal, uses_qresync

_BEYOND_EXISTS = 100_000  # how many more ids a server may list than it says it has, before we disbelieve it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What EXAMINE said. `uidnext` and `modseq` are None where the server does not say, or says 0 or -1."""

    uidvalidity: int
    uidnext: int | None
    modseq: int | None
    exists: int
    resumed: bool = False  # `vanished` and `changed` are the answer to QRESYNC
    vanished: uids.Ranges = field(default_factory=list)
    changed: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def generation(self) -> str:
        return str(self.uidvalidity)


@dataclass(frozen=True, slots=True)
class Asked:
    """A UID FETCH: which ids, and which items of each."""

    uid_set: str
    items: bytes
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a UID FETCH ended."""

    asked: Asked
    status: Status


Event: TypeAlias = Fetched | Outcome


class Desk:
    """Opens folders and asks about their messages."""

    def __init__(self, channel: Channel, greeting: str) -> None:
        self.channel = channel
        self._open: str | None = None
        self._generation = ""
        self._greeting = greeting
        self.qresync = uses_qresync(channel)

    @property
    def set_limit(self) -> int:
        """Octets of ids in one command."""
        return commands.line_limit(self._greeting, self.channel.capabilities)

    # Opening

    def examine(self, name: str, *, since: tuple[int, int] | None = None) -> Snapshot:
        """Opens the folder afresh. `since` is (UIDVALIDITY, MODSEQ): with QRESYNC the changes after it come along."""
        channel = self.channel
        channel.settle()
        self._open = None
        parts: list[Part] = [b"EXAMINE ", commands.mailbox(name)]
        resumed = bool(since and self.qresync)
        if since and self.qresync:
            parts.append(b" (QRESYNC (%d %d))" % since)
        elif self.qresync or "CONDSTORE" in channel.capabilities:
            # Some servers name HIGHESTMODSEQ only when asked like this (RFC 7162 section 3.1.8).
            parts.append(b" (CONDSTORE)")
        try:
            snapshot = self._examined(parts, resumed=resumed)
        except Refused as refused:
            if refused.status.kind != "BAD" or len(parts) == 2:
                raise refusal(channel, refused) from refused
            try:
                snapshot = self._examined(parts[:2], resumed=False)
            except Refused as again:
                raise refusal(channel, again) from again
        self._open, self._generation = name, snapshot.generation
        return snapshot

    def _examined(self, parts: Sequence[Part], *, resumed: bool) -> Snapshot:
        exists = 0
        codes: dict[str, str] = {}
        vanished: uids.Ranges = []
        changed: dict[int, frozenset[str]] = {}
        for found in self.channel.answers(self.channel.send(*parts)):
            if isinstance(found, Status):
                if found.code:
                    codes[found.code] = found.about
            elif not isinstance(found, Data):
                continue
            elif found.name == "EXISTS":
                exists = found.number or 0
            elif found.name == "VANISHED":
                vanished += parse.vanished(found)
            elif found.name == "FETCH":
                item = parse.fetched(found)
                if item and item.uid and item.flags is not None:
                    changed[item.uid] = item.flags
        modseq = None if "NOMODSEQ" in codes else parse.number(codes.get("HIGHESTMODSEQ", ""))
        return Snapshot(
            uidvalidity=parse.number(codes.get("UIDVALIDITY", "")) or 0,
            uidnext=parse.number(codes.get("UIDNEXT", "")) or None,
            modseq=modseq or None,
            exists=exists,
            resumed=resumed,
            vanished=uids.merge(vanished),
            changed=changed,
        )

    def ensure(self, name: str, generation: str) -> None:
        """Has the folder open; raises CursorLost where the generation is another."""
        if self._open == name:
            self.channel.settle()
        else:
            self.examine(name)
        if self._generation != generation:
            raise CursorLost(answer=f"UIDVALIDITY {self._generation}, expected {generation}")

    # Asking

    def search(self, *criteria: Part) -> uids.Ranges:
        """The ids in the open folder that match. Raises Refused."""
        found: uids.Ranges = []
        if "ESEARCH" in self.channel.capabilities:
            try:
                answers = self.channel.run(b"UID SEARCH RETURN (ALL) ", *criteria)
            except Refused as refused:
                if refused.status.kind != "BAD" or refused.status.code:
                    raise
                answers = self.channel.run(b"UID SEARCH ", *criteria)
        else:
            answers = self.channel.run(b"UID SEARCH ", *criteria)
        for data in answers:
            if data.name in ("SEARCH", "ESEARCH"):
                result = parse.search_result(data)
                if result is None:
                    raise self._unreadable_listing(data)
                found += result
        return uids.merge(found)

    def all_ids(self, name: str, snapshot: Snapshot) -> uids.Ranges:
        """Every id of the folder. A listing that is empty although messages exist is asked for in another way."""
        self.ensure(name, snapshot.generation)
        try:
            found = self.search(b"ALL")
        except Refused as refused:
            raise refusal(self.channel, refused) from refused
        if not found and snapshot.exists:
            found = uids.from_ids(
                item.uid
                for item in self.fetched(name, snapshot.generation, [Asked(f"1:{uids.HIGHEST}", b"(UID)", ())])
                if item.uid
            )
            if not found:
                raise Transient(
                    "The mail server says that the folder holds mail and lists none. We try again by ourselves.",
                    answer=f"{snapshot.exists} EXISTS",
                )
        self.believe(found, snapshot)
        return found

    def believe(self, found: uids.Ranges, snapshot: Snapshot) -> None:
        """Raises Transient for a listing that cannot be true."""
        if uids.count(found) > snapshot.exists + _BEYOND_EXISTS:
            raise Transient(
                "The mail server lists far more mail than it says it holds. We try again by ourselves.",
                answer=f"{snapshot.exists} EXISTS, {uids.count(found)} listed",
            )

    def pipeline(self, name: str, generation: str, asking: Iterable[Asked], *, in_flight: int = 2) -> Iterator[Event]:
        """Runs UID FETCH commands, a few in flight at a time, and hands out each answer as it comes.

        May be left suspended while other work goes on: what was in flight is then asked again, so an answer may come
        twice. Answers come in any order, for ids that nobody asked for, or without an id.
        """
        waiting = iter(asking)
        self.ensure(name, generation)
        epoch = self.channel.epoch
        flying: deque[tuple[str, Asked]] = deque()
        while True:
            if self.channel.epoch != epoch:
                again = [asked for _, asked in flying]
                flying.clear()
                waiting = itertools.chain(again, waiting)
                self.ensure(name, generation)
                epoch = self.channel.epoch
            while len(flying) < in_flight and (asked := next(waiting, None)):
                line = b"UID FETCH %s %s" % (asked.uid_set.encode(), asked.items)
                flying.append((self.channel.send(line), asked))
            if not flying:
                return
            tag, asked = flying[0]
            if status := self.channel.take_finished(tag):
                flying.popleft()
                yield Outcome(asked, status)
            elif item := self._receive_item(asked if len(flying) == 1 else None):
                yield item

    def _receive_item(self, only: Asked | None) -> Fetched | None:
        found = self.channel.receive()
        item = parse.fetched(found) if isinstance(found, Data) and found.name == "FETCH" else None
        if item and item.uid is None and only and len(only.uids) == 1:
            return replace(item, uid=only.uids[0])
        return item

    def fetched(self, name: str, generation: str, asking: Iterable[Asked]) -> Iterator[Fetched]:
        """As `pipeline`, where a refusal ends the work."""
        for event in self.pipeline(name, generation, asking, in_flight=4):
            if isinstance(event, Fetched):
                yield event
            elif event.status.kind != "OK":
                raise refusal(self.channel, Refused(event.status, ()))

    def items(self, name: str, generation: str, wanted: Sequence[int]) -> list[RemoteItem]:
        """The listing of these ids, newest first. One that the server does not describe is there with size 0."""
        found: dict[int, RemoteItem] = {}
        asking = (Asked(uid_set, commands.LISTING_ITEMS, ids) for uid_set, ids in uids.chunks(wanted, self.set_limit))
        for item in self.fetched(name, generation, asking):
            if item.uid and (item.uid not in found or item.size is not None):
                found[item.uid] = remote_item(item)
        newest_first = sorted(wanted, reverse=True)
        return [found.get(uid) or RemoteItem(str(uid), 0, None) for uid in newest_first]

    def missing(self, name: str, generation: str, uid: int, answer: str = "") -> ProviderError:
        """Why a message was not handed out: it is gone, or it is listed and cannot be had."""
        self.ensure(name, generation)
        try:
            listed = self.search(b"UID %d" % uid)
        except Refused as refused:
            return refusal(self.channel, refused)
        if uids.contains(listed, uid):
            return MessageUnreadable("The mail server lists this email and does not hand it out.", answer=answer)
        return MessageGone(answer=answer)

    def _unreadable_listing(self, data: Data) -> Transient:
        return Transient(
            "The mail server's list of emails cannot be read. We try again by ourselves.",
            answer=data.frame.texts[0][:200].decode("utf-8", "replace"),
        )


def remote_item(item: Fetched) -> RemoteItem:
    return RemoteItem(str(item.uid), item.size or 0, item.received_at, item.flags or frozenset())
