"""Which addresses we connect to: those of the public internet, and what the operator allows."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, ProviderError, Transient
from threadline.providers.network import (
    REFUSED,
    Address,
    Endpoint,
    Network,
    Resolver,
    connect_guarded,
    host_name,
    refusal,
    resolve_guarded,
    system_resolver,
)

NOBODY: frozenset[str] = frozenset()
PRIVATE_V4 = tuple(net for net, _ in REFUSED if net.version == 4)


def endpoint(address: str, port: int = 993) -> Endpoint:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return Endpoint(family, address, port)


def leads_to(*addresses: str) -> Resolver:
    def resolver(host: str, port: int) -> Sequence[Endpoint]:
        return [endpoint(address, port) for address in addresses]

    return resolver


def literal_resolver(host: str, port: int) -> Sequence[Endpoint]:
    """Reads a literal as the C library does: octal, hexadecimal, short forms."""
    try:
        return [endpoint(socket.inet_ntoa(socket.inet_aton(host)), port)]
    except OSError:
        return [endpoint(str(ipaddress.ip_address(host)), port)]


def refused(host: str, *addresses: str, allow: frozenset[str] = NOBODY) -> ProviderError:
    resolver = leads_to(*addresses) if addresses else literal_resolver
    with pytest.raises(AppMisconfigured) as caught:
        resolve_guarded(host, 993, allow=allow, resolver=resolver)
    assert caught.value.cause is Cause.HOST_NOT_ALLOWED
    assert host in str(caught.value)
    return caught.value


def embeddings(inner: ipaddress.IPv4Address) -> dict[str, str]:
    number = int(inner)
    low = f"{number >> 16:x}:{number & 0xFFFF:x}"
    return {
        "mapped": f"::ffff:{inner}",
        "compatible": f"::{inner}",
        "translated": f"::ffff:0:{inner}",
        "NAT64": f"64:ff9b::{inner}",
        "6to4": f"2002:{low}::1",
        "Teredo server": f"2001:0:{low}:0:0:f7f7:f7f7",
        "Teredo client": f"2001:0:808:808:0:0:{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}",
    }


@st.composite
def private_addresses(draw: st.DrawFn) -> ipaddress.IPv4Address:
    net = draw(st.sampled_from(PRIVATE_V4))
    return ipaddress.IPv4Address(int(net.network_address) + draw(st.integers(0, net.num_addresses - 1)))


@st.composite
def notations(draw: st.DrawFn) -> str:
    """A private IPv4 address in one of the ways in which the C library reads one."""
    number = int(draw(private_addresses()))
    parts = draw(st.integers(1, 4))
    values = [number >> (24 - 8 * i) & 0xFF for i in range(parts - 1)] + [number & (1 << 8 * (5 - parts)) - 1]
    ways = (str, lambda value: f"0x{value:x}", lambda value: f"0{value:o}", lambda value: f"0X{value:08X}")
    return ".".join(draw(st.sampled_from(ways))(value) for value in values)


@given(notations())
def test_a_private_address_is_refused_in_every_notation(host: str) -> None:
    refused(host)


@given(private_addresses(), st.sampled_from(sorted(embeddings(ipaddress.IPv4Address("10.0.0.1")))))
def test_a_private_address_is_refused_inside_an_ipv6_address(inner: ipaddress.IPv4Address, kind: str) -> None:
    refused(embeddings(inner)[kind])


@given(st.ip_addresses())
def test_what_passes_is_a_public_address_by_the_standard_librarys_reading_too(address: Address) -> None:
    if refusal(address) is None:
        # 6to4 and NAT64: Pythons differ in what they say of these; what they lead to is public in any case.
        translated = ipaddress.ip_network("64:ff9b::/96")
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        assert (inner or address).is_global or address in translated
        assert not address.is_multicast


@pytest.mark.parametrize(("network", "kind"), REFUSED, ids=str)
def test_each_refused_network_is_refused_from_its_first_to_its_last_address(network: Network, kind: str) -> None:
    assert kind in {refusal(network[0]), refusal(network[-1])}
    assert refusal(network[0])
    assert refusal(network[-1])


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"), ("::1", "loopback"), ("10.1.2.3", "private"), ("172.31.0.1", "private"),
        ("192.168.1.1", "private"), ("fc00::1", "private"), ("169.254.1.1", "link-local"), ("fe80::1", "link-local"),
        ("224.0.1.1", "multicast"), ("ff0e::1", "multicast"), ("0.0.0.0", "unspecified"), ("::", "unspecified"),
        ("255.255.255.255", "reserved"), ("100.64.0.1", "provider's own network"), ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"), ("168.63.129.16", "metadata"), ("4000::1", "reserved"),
        ("64:ff9b:1::a00:1", "private"), ("::ffff:169.254.169.254", "metadata"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_kind_of_address_it_is(address: str, kind: str) -> None:
    assert kind in str(refused("mail.northgate.example", address))


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909", "2002:909:909::1", "::ffff:9.9.9.9"])
def test_a_public_address_passes(address: str) -> None:
    found = resolve_guarded("mail.northgate.example", 993, allow=NOBODY, resolver=leads_to(address))
    assert found == [endpoint(address)]


def test_of_a_name_with_public_and_private_addresses_only_the_public_ones_are_left() -> None:
    resolver = leads_to("127.0.0.1", "9.9.9.9", "::1")
    assert resolve_guarded("a.example", 993, allow=NOBODY, resolver=resolver) == [endpoint("9.9.9.9")]


@pytest.mark.parametrize(
    "entry",
    ["mail.lan", "MAIL.LAN", "mail.lan:993", "10.1.2.3", "10.1.2.3:993", "10.0.0.0/8", "10.9.9.9/8"],
)
def test_the_operator_can_allow_a_private_host(entry: str) -> None:
    found = resolve_guarded("Mail.Lan.", 993, allow=frozenset({entry}), resolver=leads_to("10.1.2.3"))
    assert found == [endpoint("10.1.2.3")]


@pytest.mark.parametrize("entry", ["mail.lan:143", "10.1.2.3:143", "other.lan", "lan", "10.1.2.4", "192.168.0.0/16"])
def test_what_the_operator_allows_reaches_no_further(entry: str) -> None:
    refused("mail.lan", "10.1.2.3", allow=frozenset({entry}))


def test_an_ipv6_host_is_allowed_with_its_port_in_brackets() -> None:
    found = resolve_guarded("[::1]", 1993, allow=frozenset({"[::1]:1993"}), resolver=literal_resolver)
    assert found == [endpoint("::1", 1993)]
    with pytest.raises(AppMisconfigured):
        resolve_guarded("[::1]", 993, allow=frozenset({"[::1]:1993"}), resolver=literal_resolver)


def test_an_allowed_network_covers_its_mapped_form() -> None:
    allowed = frozenset({"127.0.0.0/8"})
    assert resolve_guarded("::ffff:127.0.0.1", 993, allow=allowed, resolver=literal_resolver)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "two words", "a..b", ""])
def test_an_unreadable_entry_in_the_list_is_said_and_not_ignored(entry: str) -> None:
    with pytest.raises(AppMisconfigured, match="no host, address or network"):
        resolve_guarded("a.example", 993, allow=frozenset({entry}), resolver=leads_to("9.9.9.9"))


def test_an_unknown_name_says_so_and_names_the_host() -> None:
    with pytest.raises(Transient, match=r"no server with the name imap\.nowhere\.invalid") as caught:
        resolve_guarded("imap.nowhere.invalid", 993, allow=NOBODY)
    assert caught.value.cause is Cause.HOST_UNKNOWN
    assert caught.value.certain


def test_a_name_service_that_is_away_is_not_taken_for_an_unknown_name() -> None:
    def away(host: str, port: int) -> Sequence[Endpoint]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(Transient, match="could not be looked up just now") as caught:
        resolve_guarded("a.example", 993, allow=NOBODY, resolver=away)
    assert not caught.value.certain


def test_a_name_service_that_hangs_is_left_after_the_timeout() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> Sequence[Endpoint]:
        release.wait(20)
        return []

    began = time.monotonic()
    with pytest.raises(Transient, match="took too long"):
        resolve_guarded("a.example", 993, allow=NOBODY, resolver=hanging, timeout=0.2)
    release.set()
    assert time.monotonic() - began < 2


@given(st.text(max_size=300))
def test_no_text_in_place_of_a_host_name_is_more_than_an_unknown_host(text: str) -> None:
    try:
        name = host_name(text)
    except ValueError:
        with pytest.raises(Transient):
            resolve_guarded(text, 993, allow=NOBODY, resolver=leads_to("9.9.9.9"))
    else:
        assert name.isascii()
        assert not set(name) & set(" /@\r\n\0")


def test_an_internationalised_name_is_resolved_in_its_ascii_form() -> None:
    assert host_name("IMAP.Bücher.example.") == "imap.xn--bcher-kva.example"
    assert host_name("１２７.０.０.１") == "127.0.0.1"


def test_a_name_that_changes_its_mind_reaches_nothing_but_the_checked_address() -> None:
    answers = iter([["127.0.0.1"], ["9.9.9.9"]])

    def rebinding(host: str, port: int) -> Sequence[Endpoint]:
        return [endpoint(a, server.getsockname()[1]) for a in next(answers)]

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        connect_guarded("a.example", 993, allow=frozenset({"a.example"}), timeout=5, resolver=rebinding) as connection,
    ):
        assert connection.getpeername() == server.getsockname()
    assert next(answers) == ["9.9.9.9"]  # the name was asked for once


def test_a_closed_port_is_said_to_refuse_and_the_next_address_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    allow = frozenset({"127.0.0.0/8"})
    with pytest.raises(Transient, match=f"localhost does not take connections on port {port}") as caught:
        connect_guarded("localhost", port, allow=allow, timeout=5, resolver=lambda h, p: [endpoint("127.0.0.1", p)])
    assert caught.value.cause is Cause.HOST_REFUSED
    with socket.create_server(("127.0.0.1", 0)) as server:
        both = [endpoint("127.0.0.1", port), endpoint("127.0.0.1", server.getsockname()[1])]
        connect_guarded("localhost", port, allow=allow, timeout=5, resolver=lambda h, p: both).close()


def test_the_systems_resolver_gives_each_address_once() -> None:
    found = system_resolver("127.0.0.1", 993)
    assert found == [endpoint("127.0.0.1")]
