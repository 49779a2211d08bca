"""Which messages are one conversation: reference ids and base subjects (RFC 5256 sections 2.1, 3 and 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MOST_REFERENCES = 100
_LONGEST_ID = 998  # a header line (RFC 5322 section 2.1.1)
_LONGEST_SUBJECT = 2000
_BRACKETED = re.compile(r"<([^<>]*)>")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DOT_ATOM = re.compile(r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,\"]+")

# RFC 5256 knows re, fw and fwd. The others are what mail programs write in their languages: AW WG (German),
# SV VS (Nordic), RV (Spanish), TR (French), RES ENC (Portuguese), Antw Doorst (Dutch), ODP (Polish), Ynt
# (Turkish), 回复 答复 转发 (Chinese).
_PREFIXES = "re|fwd|fw|aw|wg|sv|vs|rv|tr|res|enc|antw|doorst|odp|ynt|回复|答复|转发"
_LEADER = re.compile(rf"(?:\[[^\[\]]*\] ?)*(?:{_PREFIXES}) ?(?:\[[^\[\]]*\] ?)?[:：] ?", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\] ?")
_TRAILER = "(fwd)"
_WRAPPED = "[fwd:"


def base_subject(subject: str) -> str:
    """The subject without what replying, forwarding and mailing lists put around it. Case is kept."""
    text = " ".join(subject[:_LONGEST_SUBJECT].split())
    previous = None
    while text != previous:  # every round shortens a text of bounded length
        previous = text
        text = _without_leaders(_without_trailers(text))
        if text.lower().startswith(_WRAPPED) and text.endswith("]"):
            text = text[len(_WRAPPED) : -1].strip()
    return text


def is_reply_or_forward(subject: str) -> bool:
    """Whether the subject says so (RFC 5256 section 5 step 4)."""
    return base_subject(subject) != " ".join(subject[:_LONGEST_SUBJECT].split())


def message_ids(header_value: str) -> tuple[str, ...]:
    """The valid message ids of a header field, without brackets, in their order."""
    found = (normalise_message_id(run.group(1)) for run in _BRACKETED.finditer(header_value))
    return tuple(message_id for message_id in found if message_id)


def normalise_message_id(text: str) -> str | None:
    """A message id without brackets and needless quoting (`"a"@x` is `a@x`, RFC 5256 section 3); case kept.

    None when it is none: an id has one `@` with something on either side (RFC 5322 section 3.6.4).
    """
    text = "".join(text.split())  # seen: ids folded in the middle
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if len(text) > _LONGEST_ID:
        return None
    local, _, domain = text.rpartition("@")
    quoted = _QUOTED_LOCAL.fullmatch(local)
    if quoted:
        plain = re.sub(r"\\(.)", r"\1", quoted.group(1))
        local = plain if _DOT_ATOM.fullmatch(plain) else local
    elif "@" in local or '"' in local:
        return None
    return f"{local}@{domain}" if local and domain else None


def reference_ids(
    message_id: str | None, in_reply_to: str | Sequence[str], references: str | Sequence[str]
) -> tuple[str, ...]:
    """The ids of the messages that this one answers, oldest first, its own never among them.

    References where it holds a valid id, else the first valid id of In-Reply-To, which may hold anything else
    (RFC 5256 section 3 step 1). At most 100: the first, which is the conversation's root, and the last ones.
    """
    own = normalise_message_id(message_id) if message_id else None
    ids = list(dict.fromkeys(found for found in _ids(references) if found != own))
    if not ids:
        ids = [found for found in _ids(in_reply_to) if found != own][:1]
    if len(ids) > MOST_REFERENCES:
        ids = [ids[0], *ids[1 - MOST_REFERENCES :]]
    return tuple(ids)


def _ids(value: str | Sequence[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield from message_ids(value)
    else:
        yield from filter(None, map(normalise_message_id, value))


def _without_trailers(text: str) -> str:
    text = text.rstrip()
    while text.lower().endswith(_TRAILER):
        text = text[: -len(_TRAILER)].rstrip()
    return text


def _without_leaders(text: str) -> str:
    """Without `Re:`, `Re[2]:`, `[list] Fwd:`; a leading `[blob]` goes too, if some text stays."""
    while True:
        leader = _LEADER.match(text)
        blob = _BLOB.match(text)
        if leader:
            text = text[leader.end() :].strip()
        elif blob and text[blob.end() :].strip():
            text = text[blob.end() :].strip()
        else:
            return text
