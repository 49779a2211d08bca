"""Which conversation a message belongs to, by the Message-IDs it names (RFC 5256 section 3), whichever came first.

Every Message-ID that was seen, on a message or in References, belongs to one conversation. A message joins the one in
which it is expected already (a reply may arrive before what it answers, and newest first it always does) and the one of
the nearest message that it answers. It joins no others: a single email that names the ids of many conversations must
not make one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from threadline.storage import bulk
from threadline.storage.among import among_texts
from threadline.storage.models import Conversation, Message, ThreadReference


@dataclass(frozen=True, slots=True)
class Named:
    """The Message-IDs of a message, as digests: its own ("" without one), and those it answers, oldest first."""

    own: str
    answered: tuple[str, ...]


def place(company_id: int, references: Mapping[str, Named]) -> dict[str, int]:
    """The conversation of each new message, by its key."""
    named = {digest for ids in references.values() for digest in (ids.own, *ids.answered) if digest}
    known = _known(company_id, named)
    groups = _Groups()
    for digest, conversation_id in known.items():
        groups.join(f"d{digest}", f"c{conversation_id}")
    seen = set(known)
    for key, ids in references.items():
        groups.add(f"m{key}")
        parent = next((digest for digest in reversed(ids.answered) if digest in seen), "")
        unseen = [digest for digest in ids.answered if digest not in seen]
        for digest in filter(None, (ids.own, parent, *unseen)):
            groups.join(f"m{key}", f"d{digest}")
            seen.add(digest)
    conversations = _resolve(company_id, groups)
    fresh = sorted(named - set(known))
    bulk.insert(
        ThreadReference,
        [
            {"company_id": company_id, "digest": digest, "conversation_id": conversations[groups.root(f"d{digest}")]}
            for digest in fresh
        ],
    )
    return {key: conversations[groups.root(f"m{key}")] for key in references}


def _known(company_id: int, digests: Iterable[str]) -> dict[str, int]:
    found = ThreadReference.objects.filter(company_id=company_id, digest__in=among_texts(sorted(digests)))
    return dict(found.values_list("digest", "conversation_id"))


def _resolve(company_id: int, groups: _Groups) -> dict[str, int]:
    """One conversation for each group: the oldest it touches (the others are merged into it), or a new one."""
    existing: dict[str, list[int]] = {}
    for root, members in groups.members().items():
        existing[root] = sorted(int(member[1:]) for member in members if member[0] == "c")
    fresh = [root for root, ids in existing.items() if not ids]
    resolved = dict(zip(fresh, bulk.reserve(Conversation, len(fresh)), strict=True))
    bulk.insert(Conversation, [{"id": pk, "company_id": company_id} for pk in resolved.values()])
    for root, ids in existing.items():
        if ids:
            resolved[root] = ids[0]
            if len(ids) > 1:
                _merge(ids[0], ids[1:])
    return resolved


def _merge(keep: int, others: list[int]) -> None:
    Message.objects.filter(conversation_id__in=others).update(conversation_id=keep)
    ThreadReference.objects.filter(conversation_id__in=others).update(conversation_id=keep)
    Conversation.objects.filter(pk__in=others).delete()


class _Groups:
    """Disjoint sets of names."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, name: str) -> None:
        self._parent.setdefault(name, name)

    def root(self, name: str) -> str:
        self.add(name)
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, one: str, other: str) -> None:
        self._parent[self.root(one)] = self.root(other)

    def members(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for name in self._parent:
            groups.setdefault(self.root(name), []).append(name)
        return groups
