"""Addresses as people write them, and the key by which two of them are the same.

The key: NFC and lower case for the local part (RFC 5321 section 2.4 calls it case-sensitive; hosts in use are
not), the A-label form by UTS 46 non-transitional for the domain (RFC 6531 mail writes U-labels), an invalid
domain lower-cased as it stands. Plus-tags and dots are never folded into the key: they only make near misses.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

import idna

from threadline.domain.address_lists import parse_list

__all__ = ["NearMiss", "domain_of", "normalise", "parse_list", "readings", "variants"]


class NearMiss(Enum):
    """How an address of the email nearly is the person's primary address."""

    SECONDARY_ADDRESS = "secondary_address"
    PLUS_TAG = "plus_tag"
    DOT_VARIANT = "dot_variant"
    STORED_MALFORMED = "stored_malformed"
    UNKNOWN_ADDRESS_KNOWN_CONVERSATION = "unknown_address_known_conversation"


_PLAIN = re.compile(r"[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*")
# Copied out of web pages and spreadsheets: zero-width characters, soft hyphen, byte order mark, directions.
_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F)])
_QUOTES = "\"'“”„‘’«»"
_NOT_LOCAL = re.compile(r"[\s\x00-\x1f\x7f<>,;:()\[\]\\\"@]")
_NOT_DOMAIN = re.compile(r"[\s\x00-\x1f\x7f<>,;:()\[\]\\\"@'“”„‘’«»]")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LITERAL = re.compile(r"\[[0-9A-Za-z.:-]+\]")
_LONGEST = 1000  # characters that are looked at
_LONGEST_KEY = 320  # RFC 5321 section 4.5.3.1: 64 + 1 + 255 octets
_LONGEST_DOMAIN = 255

# Dots do not count on Google's consumer domains, but do on Workspace ones (Gmail help 7436150).
_GOOGLE_DOMAINS = frozenset({"gmail.com", "googlemail.com"})


def normalise(text: str) -> str | None:
    """The comparison key of the one address in `text`; None when it holds none, or more than one."""
    if len(text) > _LONGEST:
        return None
    if len(text) <= _LONGEST_KEY and _PLAIN.fullmatch(text):
        return text
    bare = tidied(text)
    local, at, domain = bare.rpartition("@")
    if not at:
        return None
    local_key = _local_key(local)
    domain_key = _domain_key(domain)
    if not local_key or not domain_key or len(local_key) + 1 + len(domain_key) > _LONGEST_KEY:
        return None
    return f"{local_key}@{domain_key}"


def domain_of(key: str) -> str:
    """The domain of a comparison key."""
    return key.rpartition("@")[2]


def variants(key: str) -> frozenset[str]:
    """The key and the simpler spellings that may reach the same mailbox.

    Two keys are near misses of each other when their variants meet. A near miss only suggests something to a person,
    so a plus tag counts on any host; dots only at Gmail, where they are known to mean nothing.
    """
    local, _, domain = key.rpartition("@")
    found = {key}
    if local.partition("+")[0]:
        local = local.partition("+")[0]
        found.add(f"{local}@{domain}")
    if domain in _GOOGLE_DOMAINS:
        found.add(f"{local}@gmail.com")
        if local.replace(".", ""):
            found.add(f"{local.replace('.', '')}@gmail.com")
    return frozenset(found)


def readings(text: str) -> frozenset[str]:
    """Every key that a malformed stored address may mean: `jane @example.org`, two in one."""
    text = text[:_LONGEST].translate(_INVISIBLE)
    respelled = re.sub(r"[\[({]\s?(?:at|@)\s?[\])}]", "@", text, flags=re.IGNORECASE)
    attempts = [text, respelled, "".join(respelled.split()), "".join(respelled.split()).replace(",", ".")]
    found = {normalise(attempt.strip(" .,;:" + _QUOTES)) for attempt in attempts}
    found.update(normalise(address.address) for attempt in attempts for address in parse_list(attempt))
    return frozenset(key for key in found if key)


def tidied(text: str) -> str:
    """The text without what people copy along: white space, quotes, angle brackets, a name, `mailto:`."""
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    previous = None
    while text != previous:  # each round takes at least one character off, from a text of bounded length
        previous = text
        text = text.strip()
        if text[:7].lower() == "mailto:":
            text = text[7:].partition("?")[0]
        if text.endswith(">") and "<" in text:
            text = text[text.rindex("<") + 1 : -1]
        text = text.lstrip("<").rstrip(">")
        if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
            text = text[1:-1]
    return text


def _local_key(local: str) -> str | None:
    quoted = _QUOTED_LOCAL.fullmatch(local)
    if quoted:
        content = re.sub(r"\\(.)", r"\1", quoted.group(1), flags=re.DOTALL)
        if not content or not content.isprintable():
            return None
        # RFC 5321 section 4.1.2: a quoted local part that needs no quotes is the same address without them
        local = content
        if _NOT_LOCAL.search(content):
            return '"' + _folded(content.replace("\\", "\\\\").replace('"', '\\"')) + '"'
    if not local or _NOT_LOCAL.search(local):
        return None
    return _folded(local)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


def _domain_key(domain: str) -> str | None:
    domain = domain.rstrip(".")
    if _LITERAL.fullmatch(domain):
        return domain.lower()
    if not domain or _NOT_DOMAIN.search(domain):
        return None
    if domain.isascii():  # UTS 46 does nothing but lower-case here, and A-labels stay as they are
        return domain.lower()
    if len(domain) <= _LONGEST_DOMAIN:
        try:
            return idna.encode(domain, uts46=True, transitional=False).decode("ascii").rstrip(".") or None
        except (idna.IDNAError, UnicodeError):
            pass
    return _folded(domain)
