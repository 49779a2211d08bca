"""Reading an email address as somebody typed it, and saying what is wrong with it."""

from __future__ import annotations

import re

import idna

_EXAMPLE = "for example anna@northgate.example"
_NOT_IN_A_LOCAL_PART = re.compile(r'[\x00-\x1f\x7f()<>\[\]:;,\\"]')
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def check_address(address: str) -> str | None:
    """None for an address that can be looked up; else one sentence that names what is wrong with it."""
    text = address.strip()
    if not text:
        return f"Enter an email address, {_EXAMPLE}."
    if "<" in text or ">" in text:
        return f"Enter only the address, without a name and without < and >, {_EXAMPLE}."
    if re.search(r"\s", text):
        return "An email address has no spaces in it."
    if "," in text or ";" in text:
        return "Enter one address only."
    if "@" not in text:
        return f"The @ is missing, {_EXAMPLE}."
    if text.count("@") > 1:
        return "There is more than one @ in this address."
    local, _, domain = text.partition("@")
    return _check_local(local) or _check_domain(domain)


def _check_local(local: str) -> str | None:
    if not local:
        return f"The part before the @ is missing, {_EXAMPLE}."
    if wrong := _NOT_IN_A_LOCAL_PART.search(local):
        return f"The part before the @ has a character that cannot be there: {_shown(wrong[0])}."
    if len(local.encode()) > 64:  # RFC 5321 section 4.5.3.1.1
        return "The part before the @ is longer than 64 characters, which no mail server takes."
    return None


def _check_domain(domain: str) -> str | None:  # noqa: C901  one line per thing that can be wrong
    if not domain:
        return f"The part after the @ is missing, {_EXAMPLE}."
    if domain.startswith("["):
        return "The part after the @ must be a name, not a number in brackets, for example northgate.example."
    if ".." in domain:
        return "There are two dots in a row after the @."
    if domain.startswith("."):
        return "The part after the @ begins with a dot."
    if domain.endswith("."):
        return "The part after the @ ends with a dot."
    if "." not in domain:
        return "The part after @ needs a dot, for example northgate.example."
    name = _a_labels(domain)
    if name is None:
        return "The part after the @ has a character that cannot be there."
    for label in name.split("."):
        if wrong := re.search(r"[^a-z0-9_-]", label):
            return f"The part after the @ has a character that cannot be there: {_shown(wrong[0])}."
        if len(label) > 63:
            return "The part after the @ is too long: between two dots there are at most 63 characters."
        if not _LABEL.fullmatch(label):
            return "In the part after the @, no hyphen can stand next to a dot or at an end."
    if len(name) > 253:
        return "The part after the @ is longer than 253 characters."
    if name.rpartition(".")[2].isdigit():
        return "The part after the @ must be a name, not a number, for example northgate.example."
    return None


def split_address(address: str) -> tuple[str, str]:
    """The local part as written and the domain in A-labels. Only for what `check_address` lets pass."""
    local, _, domain = address.strip().partition("@")
    return local, _a_labels(domain) or domain.lower()


def _a_labels(domain: str) -> str | None:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
