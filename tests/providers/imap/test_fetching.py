"""Whatever a server answers, in whatever order: each message is answered for exactly once, and with what is its own."""

from __future__ import annotations

import random
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.errors import MessageGone, MessageUnreadable, ProviderError
from threadline.providers.contract import Content, FetchFailure, RemoteItem
from threadline.providers.imap import fetching
from threadline.providers.imap.desk import Asked, Desk, Event, Outcome
from threadline.providers.imap.errors import Phase
from threadline.providers.imap.parse import Fetched, Status
from threadline.providers.imap.tokens import Value
from threadline.providers.imap.wire import Skipped

LARGE = fetching.WHOLE + 1
PLANS_HELD = 5_000
OK = Status("OK", "", "", "done", "OK done")
REFUSED = Status("NO", "", "", "Some messages could not be FETCHed", "NO Some messages could not be FETCHed")


class Manner(Enum):
    """How the server treats a message."""

    FINE = "fine"
    GONE = "gone"
    KEPT_BACK = "listed, and never handed out"
    LARGE_STRUCTURE = "with a structure of which not even one can be held"
    ALONE = "handed out only when asked for alone"
    NO_STRUCTURE = "its structure does not add up"
    NO_HEADER = "without its header"
    LARGE_HEADER = "with a header of which few can be held"
    HEADER_TOO_LARGE = "with a header that nobody keeps"
    NO_TEXTS = "an attachment alone"
    TEXT_IS_NIL = "the text named and left out"
    TOO_LARGE = "far larger than it was listed"
    REFUSED = "asked for, the whole command is refused and what comes behind it in the folder kept back"


@dataclass
class Server:
    """Stands for `Desk`: takes commands as that does, and answers as the manners of its messages are."""

    manners: dict[int, Manner]
    chance: random.Random
    set_limit: int
    asked: Counter[int] = field(default_factory=Counter)
    channel: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(phase=Phase.COMMAND))

    def ensure(self, name: str, generation: str) -> None:
        assert (name, generation) == ("INBOX", "7")

    def missing(self, name: str, generation: str, uid: int, answer: str = "") -> ProviderError:
        self.ensure(name, generation)
        return MessageGone() if self.manners[uid] is Manner.GONE else MessageUnreadable(answer=answer)

    def pipeline(self, name: str, generation: str, asking: Iterable[Asked], *, in_flight: int = 2) -> Iterator[Event]:
        self.ensure(name, generation)
        waiting, flying = iter(asking), deque[Asked]()
        while True:
            while len(flying) < in_flight and (asked := next(waiting, None)):
                self.asked.update(asked.uids)
                flying.append(asked)
            if not flying:
                return
            asked = flying.popleft()
            yield from self._answers(asked)
            refused = any(self.manners[uid] is Manner.REFUSED for uid in asked.uids)
            yield Outcome(asked, REFUSED if refused else OK)

    def _answers(self, asked: Asked) -> Iterator[Fetched]:
        told = [fetched for uid in asked.uids if (fetched := self._answer(uid, asked)) is not None]
        refused = [place for place, uid in enumerate(asked.uids) if self.manners[uid] is Manner.REFUSED]
        if refused:
            told = [one for one in told if one.uid in asked.uids[: refused[0]]]
        told += self.chance.choices(told, k=self.chance.randint(0, 2)) if told else []
        told += [Fetched(1, uid=uid, flags=frozenset()) for uid in self.chance.sample(sorted(self.manners), 1)]
        told += [Fetched(1, uid=None, sections={"": b"whose?"}), Fetched(1, uid=10**6, sections={"": b"nobody's"})]
        self.chance.shuffle(told)
        yield from told

    def _answer(self, uid: int, asked: Asked) -> Fetched | None:
        manner, items = self.manners[uid], asked.items.decode()
        if manner in (Manner.GONE, Manner.KEPT_BACK) or (manner is Manner.ALONE and len(asked.uids) > 1):
            return None
        if "BODYSTRUCTURE" in items:
            return self._shape(uid, manner)
        if "BODY.PEEK[]<" in items:
            return Fetched(uid, uid=uid, sections={"": whole(uid)})
        if "BODY.PEEK[]" in items:
            return Fetched(uid, uid=uid, sections={"": Skipped(10**7) if manner is Manner.TOO_LARGE else whole(uid)})
        sections: dict[str, bytes | Skipped] = {}
        for section in re.findall(r"BODY\.PEEK\[([^\]]+)\]", items):
            if manner is not Manner.TEXT_IS_NIL or section != "1":
                sections[section] = b"%s of %d" % (section.encode(), uid)
        return Fetched(uid, uid=uid, sections=sections)

    def _shape(self, uid: int, manner: Manner) -> Fetched:
        size = b"5" if uid % 3 else str(fetching.PART_CAP + 1).encode()
        text: list[Value] = [b"text", b"plain", None, None, None, b"7bit", size, b"1"]
        html: list[Value] = [b"text", b"html", None, None, None, b"7bit", b"5", b"1"]
        file: list[Value] = [b"application", b"pdf", None, None, None, b"base64", b"900000"]
        shape: Value = [text, html, file, b"mixed"] if uid % 2 else text
        if manner is Manner.NO_STRUCTURE:
            shape = [[b"text"], b"mixed"]
        if manner is Manner.LARGE_STRUCTURE:
            shape = [text, [*file[:2], [b"name", b"x" * PLANS_HELD], *file[3:]], b"mixed"]
        if manner is Manner.NO_TEXTS:
            shape = [file, file, b"mixed"]
        header: dict[str, bytes | Skipped] = {"HEADER": b"header of %d" % uid}
        if manner is Manner.LARGE_HEADER:
            header = {"HEADER": b"header of %d" % uid + b" " * (PLANS_HELD // 2)}
        if manner is Manner.HEADER_TOO_LARGE:
            header = {"HEADER": Skipped(10**7)}
        if manner is Manner.NO_HEADER:
            header = {}
        return Fetched(uid, uid=uid, structure=shape, sections=header)


def whole(uid: int) -> bytes:
    return b"whole of %d" % uid


def assert_its_own(content: Content, uid: int) -> None:
    if content.whole:
        assert content.raw == whole(uid)
        return
    assert content.raw.rstrip() == b"header of %d" % uid
    for part in content.parts:
        assert part.body == b"%s of %d" % (part.part.encode(), uid)
        assert part.header in (content.raw, b"%s.MIME of %d" % (part.part.encode(), uid))
    assert {part.part for part in content.parts}.isdisjoint(leaf.part for leaf in content.structure)


MESSAGES = st.lists(st.tuples(st.sampled_from(list(Manner)), st.booleans()), min_size=1, max_size=40)


@pytest.fixture(autouse=True, scope="module")
def _little_at_a_time() -> Iterator[None]:
    """So that few messages are many: commands are cut, and headers are more than may be held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "PLANS_HELD", PLANS_HELD)
        patch.setattr(fetching, "PLANNED_AT_ONCE", 12)
        patch.setattr(fetching, "BATCH_MESSAGES", 7)
        yield


@pytest.mark.invariant("I1", "I2", "I9")
@given(MESSAGES, st.integers(0, 2**32), st.integers(10, 200))
def test_every_message_is_answered_for_exactly_once_and_with_what_is_its_own(
    messages: list[tuple[Manner, bool]], seed: int, set_limit: int
) -> None:
    chance = random.Random(seed)  # one that is hypothesis's own would end what never ends, and count it as no example
    manners = {uid: manner for uid, (manner, _) in enumerate(messages, start=1)}
    server = Server(manners, chance, set_limit)
    items = [RemoteItem(str(uid), LARGE if large else 20, None) for uid, (_, large) in enumerate(messages, start=1)]
    chance.shuffle(items)
    answers = list(fetching.fetch(cast(Desk, server), "INBOX", "7", items))
    assert sorted(int(answer.item.remote_id) for answer in answers) == sorted(manners)
    for answer in answers:
        uid = int(answer.item.remote_id)
        if isinstance(answer, FetchFailure):
            assert manners[uid] in (Manner.GONE, Manner.KEPT_BACK, Manner.REFUSED), manners[uid]
            assert isinstance(answer.error, MessageGone if manners[uid] is Manner.GONE else MessageUnreadable)
        else:
            assert_its_own(answer, uid)
    # Its structure together and alone, its texts together and alone, in pieces; and once more for each time that the
    # plans of others left no room for its own.
    crowded = {Manner.LARGE_HEADER, Manner.LARGE_STRUCTURE} & set(manners.values())
    assert max(server.asked.values()) <= 5 + (len(manners) if crowded else 0), server.asked


def test_what_a_server_does_well_it_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PLANS_HELD", 100_000)
    uids = range(1, 61)
    server = Server(dict.fromkeys(uids, Manner.FINE), random.Random(1), 1_000)
    items = [RemoteItem(str(uid), LARGE if uid > 50 else 20, None) for uid in uids]
    answers = list(fetching.fetch(cast(Desk, server), "INBOX", "7", items))
    assert Counter(answer.whole for answer in answers if isinstance(answer, Content)) == {True: 50, False: 10}
    assert Counter(server.asked.values()) == {1: 50, 2: 10}  # of a large one the structure, and the texts
