"""Reading an autoconfig file (draft-ietf-mailmaint-autoconfig, "config-v1.1.xml"). Pure.

The file comes from strangers. It may not declare a document type, so no entity is ever expanded or fetched.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from threadline.providers.contract import Security
from threadline.providers.network import host_name

_SECURITY = {"SSL": Security.TLS, "STARTTLS": Security.STARTTLS, "plain": Security.NONE}
_ORDER = (Security.TLS, Security.STARTTLS, Security.NONE)
_DEEPEST = 16
_MOST_SERVERS = 10
_PASSWORDS = {
    "password-cleartext",
    "password-encrypted",
    "plain",
    "secure",
}  # the last two: version 1.0 of the format


@dataclass(frozen=True, slots=True)
class Offer:
    """An IMAP server as announced; placeholders are still in the texts."""

    host: str
    port: int
    security: Security
    username: str
    takes_passwords: bool


class NotAutoconfigError(ValueError):
    """This is not an autoconfig file we read."""


class _Builder(ET.TreeBuilder):
    depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise NotAutoconfigError("it declares a document type, which settings never need")

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotAutoconfigError("its elements are nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ET.Element:
        self.depth -= 1
        return super().end(tag)


def read_autoconfig(document: bytes) -> list[Offer]:
    """The IMAP servers of the file, encrypted ones first, otherwise in its order. Raises NotAutoconfigError."""
    parser = ET.XMLParser(target=_Builder())  # noqa: S314  the builder refuses what makes XML dangerous
    try:
        parser.feed(document)
        root = parser.close()
    except NotAutoconfigError:
        raise
    except (ET.ParseError, ValueError, LookupError) as error:  # the latter two: encodings nobody knows
        raise NotAutoconfigError("it is not well-formed XML") from error
    if root.tag != "clientConfig":
        raise NotAutoconfigError("it does not hold mail settings")
    servers = root.findall("./emailProvider/incomingServer[@type='imap']")[:_MOST_SERVERS]
    offers = [offer for server in servers if (offer := _read_server(server))]
    return sorted(offers, key=lambda offer: _ORDER.index(offer.security))


def _read_server(server: ET.Element) -> Offer | None:
    text = {child.tag: (child.text or "").strip() for child in server}
    methods = {(child.text or "").strip() for child in server.findall("authentication")}
    security = _SECURITY.get(text.get("socketType", ""))
    host, port = text.get("hostname", ""), text.get("port", "")
    username = text.get("username", "") or "%EMAILADDRESS%"
    if security is None or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        return None
    if not host or not username.isprintable() or len(username) > 320:
        return None
    return Offer(host, int(port), security, username, not methods or bool(methods & _PASSWORDS))


def server_name(template: str, domain: str) -> str | None:
    """The host of an offer with its placeholder filled in; None when it is no host name."""
    try:
        return host_name(template.replace("%EMAILDOMAIN%", domain))
    except ValueError:
        return None
