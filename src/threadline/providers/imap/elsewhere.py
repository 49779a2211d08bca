"""What arrived in a folder since a mark, at a cost that does not grow with what lay there before.

A mark is (UIDVALIDITY, UIDNEXT): one STATUS, or one LIST for all folders (RFC 5819), and no folder is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadline.domain.errors import CursorLost, ProviderError
from threadline.providers.contract import FolderMark, RemoteFolder, RemoteItem
from threadline.providers.imap import commands, parse, uids
from threadline.providers.imap.channel import Channel, Refused
from threadline.providers.imap.desk import Asked, Desk, remote_item
from threadline.providers.imap.parse import Data
from threadline.providers.imap.signin import refusal

_IN_FLIGHT = 16
_AT_ONCE = 500
_ITEMS = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID FROM DATE)])"


def marks(desk: Desk, folders: Sequence[RemoteFolder]) -> dict[str, FolderMark]:
    """The mark of each folder by its remote name; one that cannot be looked at is left out."""
    desk.channel.settle()
    wanted = [folder.remote_name for folder in folders if folder.selectable]
    found = _of_all(desk.channel, wanted) if len(wanted) > 1 else {}
    left = [name for name in wanted if name not in found]
    for start in range(0, len(left), _IN_FLIGHT):
        found |= _of_each(desk.channel, left[start : start + _IN_FLIGHT])
    incomplete = [name for name, items in found.items() if not items.get("UIDNEXT") or not items.get("UIDVALIDITY")]
    marked = {
        name: FolderMark(str(items["UIDVALIDITY"]), str(items["UIDNEXT"]))
        for name, items in found.items()
        if name not in incomplete
    }
    return marked | {name: mark for name in incomplete if (mark := _opened(desk, name)) is not None}


def _of_all(channel: Channel, wanted: Sequence[str]) -> dict[str, dict[str, int]]:
    if "LIST-STATUS" not in channel.capabilities:
        return {}
    try:
        answers = channel.run(b'LIST "" "*" RETURN (STATUS (UIDVALIDITY UIDNEXT))')
    except Refused:
        return {}
    return _read(answers, wanted)


def _of_each(channel: Channel, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Several STATUS in flight together; what is refused (a folder of somebody else, one just removed) is left out."""
    tags = [channel.send(b"STATUS ", commands.mailbox(name), b" (UIDVALIDITY UIDNEXT)") for name in names]
    answers: list[Data] = []
    for tag in tags:
        try:
            answers.extend(found for found in channel.answers(tag) if isinstance(found, Data))
        except Refused:
            continue
    return _read(answers, names)


def _read(answers: Sequence[Data], wanted: Sequence[str]) -> dict[str, dict[str, int]]:
    names = {name.upper() if name.upper() == "INBOX" else name: name for name in wanted}
    found: dict[str, dict[str, int]] = {}
    for data in answers:
        if data.name == "STATUS" and (said := parse.status(data)) is not None:
            name, items = said
            name = name.upper() if name.upper() == "INBOX" else name
            if name in names:
                found[names[name]] = items
    return found


def _opened(desk: Desk, name: str) -> FolderMark | None:
    """The mark of a folder whose STATUS does not tell: from its newest message."""
    try:
        snapshot = desk.examine(name)
        newest = 0
        if snapshot.uidnext is None and snapshot.exists:
            newest = max((last for _, last in desk.search(b"UID *")), default=0)
    except (ProviderError, Refused):
        if not desk.channel.usable:
            raise
        return None
    return FolderMark(snapshot.generation, str(snapshot.uidnext or newest + 1)) if snapshot.uidvalidity else None


def arrivals(desk: Desk, name: str, generation: str, since: str) -> Iterator[tuple[RemoteItem, bytes]]:
    """What has an id from `since` on, oldest first, each with the header fields Message-ID, From and Date."""
    snapshot = desk.examine(name)
    if snapshot.generation != generation:
        raise CursorLost(answer=f"UIDVALIDITY {snapshot.generation}, expected {generation}")
    first = int(since) if since.isdecimal() else 1
    if not snapshot.exists:
        return
    try:
        found = desk.search(b"UID %d:%d" % (max(first, 1), uids.HIGHEST))
    except Refused as refused:
        raise refusal(desk.channel, refused) from refused
    desk.believe(found, snapshot)
    wanted = {uid for uid in uids.each(found) if uid >= first}
    asking = (
        Asked(uid_set, _ITEMS, ids) for uid_set, ids in uids.chunks(sorted(wanted), desk.set_limit, at_most=_AT_ONCE)
    )
    for item in desk.fetched(name, generation, asking):
        block = next((text for section, text in item.sections.items() if section.startswith("HEADER.FIELDS")), None)
        if item.uid in wanted and isinstance(block, bytes):
            wanted.remove(item.uid)
            yield remote_item(item), block
