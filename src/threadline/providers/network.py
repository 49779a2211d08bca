"""Which hosts we may connect to, and connections that reach only those.

A host that a user may name (a mail server, a settings page, a webhook) is resolved here, and every address it
leads to is checked: only addresses of the public internet pass, or what the operator of this installation
allows by name. The caller connects to the checked address itself and never resolves the name again, so a name
that changes its mind in between gains nothing.

`allow` holds host names, addresses, networks ("10.1.0.0/16"), and names or addresses with a port
("mail.lan:993").
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

import idna

from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, Transient

T = TypeVar("T")
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to connect to. No name is left to resolve."""

    family: socket.AddressFamily
    address: str
    port: int


Resolver = Callable[[str, int], Sequence[Endpoint]]
"""Turns a name and a port into endpoints; raises `socket.gaierror` as `socket.getaddrinfo` does."""


def system_resolver(host: str, port: int) -> Sequence[Endpoint]:
    """What the machine's own resolver says, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    internet = (socket.AF_INET, socket.AF_INET6)
    endpoints = [
        Endpoint(family, str(where[0]), int(where[1])) for family, _, _, _, where in found if family in internet
    ]
    return list(dict.fromkeys(endpoints))


# The special-purpose address registries of IANA (RFC 6890 and its updates), and the addresses at which clouds
# hand their machines credentials.
_REFUSED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "an address inside a provider's own network"),  # RFC 6598; Alibaba's metadata is in it
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.169.254/32", "an address of a cloud's metadata service"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),  # Oracle's metadata is in it
    ("192.0.2.0/24", "a reserved address"),
    ("192.88.99.0/24", "a reserved address"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "a reserved address"),
    ("198.51.100.0/24", "a reserved address"),
    ("203.0.113.0/24", "a reserved address"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("168.63.129.16/32", "an address of a cloud's metadata service"),  # Azure's wire server, a public address
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("64:ff9b:1::/48", "a private address"),  # RFC 8215: translation inside a network
    ("fd00:ec2::254/128", "an address of a cloud's metadata service"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("ff00::/8", "a multicast address"),
    ("2001:db8::/32", "a reserved address"),
    ("3fff::/20", "a reserved address"),
    ("2001::/23", "a reserved address"),  # IETF protocols; Teredo (RFC 4380) is in it
)
REFUSED: tuple[tuple[Network, str], ...] = tuple((ipaddress.ip_network(net), why) for net, why in _REFUSED)

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # the only part of IPv6 given out for the public internet (RFC 4291)
_IPV4_AT_THE_END = tuple(
    IPv6Network(net) for net in ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96")
)  # mapped (RFC 4291), translated (RFC 2765), compatible (RFC 4291), NAT64 (RFC 6052)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that a packet to this IPv6 address would reach in the end."""
    if isinstance(address, IPv4Address):
        return None
    if address.sixtofour is not None:
        return address.sixtofour
    if int(address) > 1 and any(address in net for net in _IPV4_AT_THE_END):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def refusal(address: Address) -> str | None:
    """What kind of address this is when we do not connect to it: "a loopback address". None: a public one."""
    for net, why in REFUSED:
        if address in net:
            return why
    inner = embedded(address)
    if inner is not None:
        return refusal(inner)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "a reserved address"
    return None


@dataclass(frozen=True, slots=True)
class _Allowance:
    """One entry of `allow`: a name or a network, on every port or on one."""

    name: str
    network: Network | None
    port: int | None

    def covers(self, host: str, port: int, address: Address) -> bool:
        if self.port not in {None, port}:
            return False
        if self.network is None:
            return self.name == host
        inner = embedded(address)
        return address in self.network or (inner is not None and inner in self.network)


@lru_cache(maxsize=32)
def _allowances(allow: frozenset[str]) -> tuple[_Allowance, ...]:
    return tuple(_allowance(entry) for entry in sorted(allow))


def _allowance(entry: str) -> _Allowance:
    text = entry.strip().lower()
    try:
        if "/" in text:
            return _Allowance("", ipaddress.ip_network(text, strict=False), None)
        host, port = text, None
        if with_port := re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d{1,5})", text):
            host, port = with_port[1], int(with_port[2])
        name = host_name(host)
    except ValueError as error:
        raise AppMisconfigured(
            f"The list of allowed hosts has an entry that is no host, address or network: {entry}.",
            cause=Cause.HOST_NOT_ALLOWED,
        ) from error
    literal = _literal(name)
    return _Allowance(name, ipaddress.ip_network(literal) if literal else None, port)


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def host_name(host: str) -> str:
    """The name as it goes to a resolver: lower-cased, in A-labels (UTS 46), without brackets.

    Raises ValueError when it is no name.
    """
    name = host.strip().lower().removesuffix(".")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode("ascii")  # idna.IDNAError is a ValueError
    if not re.fullmatch(r"[0-9a-z._:%-]{1,253}", name) or ".." in name or name.startswith("."):
        raise ValueError(f"not a host name: {host!r}")
    return name


def resolve_guarded(
    host: str,
    port: int,
    *,
    allow: frozenset[str],
    resolver: Resolver = system_resolver,
    timeout: float | None = None,
) -> list[Endpoint]:
    """The addresses of `host` that we may connect to, in the resolver's order; never empty.

    Raises Transient (HOST_UNKNOWN) when the name leads nowhere, AppMisconfigured (HOST_NOT_ALLOWED) when it
    leads only to addresses that this installation does not connect to. `timeout` is in seconds.
    """
    try:
        name = host_name(host)
        found = _look_up(resolver, name, port, timeout)
    except TimeoutError as error:
        raise Transient(
            f"Looking up the name {host} took too long. The mail server was not asked.",
            cause=Cause.HOST_UNKNOWN,
            certain=False,
        ) from error
    except socket.gaierror as error:
        raise _unknown(host, error) from error
    except (ValueError, OSError) as error:
        raise _unknown(host, None) from error
    if not found:
        raise _unknown(host, None)

    allowances = _allowances(allow)
    permitted, refused = [], ""
    for endpoint in found:
        address = ipaddress.ip_address(endpoint.address)
        why = refusal(address)
        if why is None or any(entry.covers(name, port, address) for entry in allowances):
            permitted.append(endpoint)
        else:
            refused = why
    if not permitted:
        raise AppMisconfigured(
            f"{host} leads to {refused}, and Threadline connects only to servers on the public internet. "
            "If this is your own mail server, the operator of this installation can allow it.",
            cause=Cause.HOST_NOT_ALLOWED,
        )
    return permitted


def _unknown(host: str, error: socket.gaierror | None) -> Transient:
    if error is not None and error.errno == socket.EAI_AGAIN:
        return Transient(
            f"The name {host} could not be looked up just now. We try again by ourselves.",
            cause=Cause.HOST_UNKNOWN,
            certain=False,
            answer=str(error.strerror),
        )
    return Transient(
        f"There is no server with the name {host}. Check how it is written.",
        cause=Cause.HOST_UNKNOWN,
        answer=str(error.strerror) if error else "",
    )


def _look_up(resolver: Resolver, name: str, port: int, timeout: float | None) -> Sequence[Endpoint]:
    if timeout is None:
        return resolver(name, port)
    return in_background(lambda: resolver(name, port)).result(max(timeout, 0))


def in_background(work: Callable[[], T]) -> Future[T]:
    """Runs `work` in a thread that nothing waits for at exit: the system's resolver cannot be interrupted."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  handed to whoever asks the future
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def connect_guarded(
    host: str,
    port: int,
    *,
    allow: frozenset[str],
    timeout: float,
    resolver: Resolver = system_resolver,
) -> socket.socket:
    """A TCP connection to the first allowed address of `host` that answers, all within `timeout` seconds.

    Raises what `resolve_guarded` raises, and Transient with HOST_REFUSED or HOST_SILENT.
    """
    deadline = time.monotonic() + timeout
    endpoints = resolve_guarded(host, port, allow=allow, resolver=resolver, timeout=timeout)
    failure: OSError = TimeoutError()
    for left, endpoint in zip(range(len(endpoints), 0, -1), endpoints, strict=True):
        share = (deadline - time.monotonic()) / left  # a silent address leaves time for the next one
        if share <= 0:
            break
        try:
            return socket.create_connection((endpoint.address, endpoint.port), share)
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise Transient(
            f"{host} did not answer on port {port} within {timeout:.0f} seconds.", cause=Cause.HOST_SILENT
        ) from failure
    raise Transient(
        f"{host} does not take connections on port {port}.",
        cause=Cause.HOST_REFUSED,
        answer=failure.strerror or str(failure),
    ) from failure
