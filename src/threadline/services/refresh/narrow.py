"""Fetching over connections that break: what came is kept, the rest is asked for again, in halves, on a fresh one.

Some servers drop the connection, or fall silent, at one particular message, every time (a damaged file, a filter on the
way). Without this, it would hold back every message after it for ever. Halving finds it; it is set aside when it has
broken a connection twice that was opened for it alone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from threadline.domain.causes import Cause
from threadline.domain.errors import MessageUnreadable, Throttled, Transient
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem
from threadline.services.refresh.work import Work

BREAKS = frozenset({Cause.CONNECTION_LOST, Cause.HOST_SILENT, Cause.SERVER_TROUBLE})
TIMES_ALONE = 2


def fetch(
    work: Work, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> Iterator[Content | FetchFailure]:
    """As `Session.fetch`, over as many connections as it takes, up to the refresh's limit of them."""
    waiting = deque([list(items)])
    alone: Counter[str] = Counter()
    while waiting:
        group = waiting.popleft()
        left = {item.remote_id: item for item in group}
        try:
            for answer in work.session.fetch(remote, generation, group):
                left.pop(answer.item.remote_id, None)
                yield answer
        except Transient as error:
            if not is_break(error):
                raise
            work.reconnect(error)
            rest = list(left.values())
            if len(group) == 1 and rest:
                alone[rest[0].remote_id] += 1
                if alone[rest[0].remote_id] >= TIMES_ALONE:
                    yield FetchFailure(rest[0], dropped(error))
                    continue
            half = (len(rest) + 1) // 2
            waiting.extendleft(part for part in (rest[half:], rest[:half]) if part)


def is_break(error: Transient) -> bool:
    """Whether the connection ended in the middle of the work, which may be one message's doing."""
    return error.cause in BREAKS and not isinstance(error, Throttled)


def dropped(error: Transient) -> MessageUnreadable:
    return MessageUnreadable(
        "The connection to the mail server ends whenever this email is asked for.", answer=error.answer
    )
