"""Addresses that nearly are a person's primary address: usually the whole reason why an email is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadline.domain.addresses import NearMiss, domain_of, readings, variants
from threadline.domain.facts import Correspondent, Facts


@dataclass(frozen=True, slots=True)
class Near:
    """A near miss: the address on the email, and the stored address it nearly is."""

    kind: NearMiss
    text: str
    found: str
    stored: str


def near_miss(facts: Facts, correspondents: Sequence[Correspondent]) -> Near | None:
    """The nearest miss, the easiest to mend first; None when no address of the email comes near."""
    others = [c for c in correspondents if c.key and c.key not in facts.own_addresses]
    return _secondary(facts, others) or _malformed(facts, others) or _variant(facts, others) or _unknown(facts, others)


def _secondary(facts: Facts, others: Sequence[Correspondent]) -> Near | None:
    secondary = {a.key: a for a in facts.person.addresses if not a.primary}
    for other in others:
        if other.key in secondary:
            text = f"{other.as_written} is a secondary address of {facts.person.name}; only the primary counts."
            return Near(NearMiss.SECONDARY_ADDRESS, text, other.as_written, secondary[other.key].as_written)
    return None


def _malformed(facts: Facts, others: Sequence[Correspondent]) -> Near | None:
    keys = {other.key: other for other in others}
    for address in facts.person.addresses:
        for key in sorted(readings(address.as_written) - {address.key}):
            if key in keys:
                text = f"The record says “{address.as_written}”, which looks mistyped for {key}."
                return Near(NearMiss.STORED_MALFORMED, text, keys[key].as_written, address.as_written)
    return None


def _variant(facts: Facts, others: Sequence[Correspondent]) -> Near | None:
    for address in facts.person.addresses:
        forms = variants(address.key) if address.key else frozenset()
        for other in others:
            if not forms.isdisjoint(variants(other.key)):
                return _named_variant(other, address.key, address.as_written)
    return None


def _named_variant(other: Correspondent, key: str, as_written: str) -> Near:
    tags = {k.partition("@")[0].partition("+")[2] for k in (other.key, key)}
    if len(tags) > 1:
        text = f"{other.as_written} is {as_written} with another plus-tag; both reach the same mailbox."
        return Near(NearMiss.PLUS_TAG, text, other.as_written, as_written)
    spelt = "with other dots" if domain_of(other.key) == domain_of(key) else "in Google's other spelling"
    text = f"{other.as_written} is {as_written} {spelt}; both reach the same mailbox."
    return Near(NearMiss.DOT_VARIANT, text, other.as_written, as_written)


def _unknown(facts: Facts, others: Sequence[Correspondent]) -> Near | None:
    strangers = [other for other in others if other.key not in facts.company_addresses]
    if not facts.known_conversation or not strangers:
        return None
    stranger = min(strangers, key=lambda other: other.role != "from")
    text = (
        f"The email belongs to a conversation that is on the profile of {facts.person.name}; "
        f"{stranger.as_written} may be another address of theirs."
    )
    return Near(NearMiss.UNKNOWN_ADDRESS_KNOWN_CONVERSATION, text, stranger.as_written, "")
