"""Bcc belongs to the copy that shows it: what a reader without that copy must never learn from a page."""

from __future__ import annotations

from dataclasses import dataclass

from threadline.storage.models import Message, Participant, User


@dataclass(frozen=True, slots=True)
class Hidden:
    """The addresses that only blind copies of others show, as keys and as they are written."""

    keys: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()

    def mentioned_in(self, text: str) -> bool:
        lower = text.lower()
        return any(word.lower() in lower for word in self.keys | self.written)


def hidden_from(user: User, message: Message) -> Hidden:
    """What of this email's participants this user must not see."""
    seen: set[str] = set()
    blind: dict[str, str] = {}
    rows = Participant.objects.filter(message=message).select_related("address", "copy__mailbox")
    for row in rows:
        if row.copy is None or row.copy.mailbox.owner_id == user.pk:
            seen.add(row.address.key)
        else:
            blind[row.address.key] = row.as_written
    hidden = {key: written for key, written in blind.items() if key not in seen}
    return Hidden(frozenset(hidden), frozenset(filter(None, hidden.values())))
