"""From an address to a server, over real sockets: the order of the sources, their time, and what is never believed."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Sequence

import dns.resolver
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.detection.world import LOOPBACK, World, page, redirect, settings
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.detection import Detection, DetectionStep, Means, Outcome, Source, detect
from threadline.providers.detection.sources import parent_domains
from threadline.providers.network import Endpoint

ADDRESS = "anna@northgate.example"
AUTOCONFIG = "https://autoconfig.northgate.example/mail/config-v1.1.xml"
WELL_KNOWN = "https://northgate.example/.well-known/autoconfig/mail/config-v1.1.xml"
ISPDB = "https://v1.ispdb.net/northgate.example"
PLAIN = "http://autoconfig.northgate.example/mail/config-v1.1.xml"


def look(world: World, *, allow: frozenset[str] = LOOPBACK, deadline: float = 10) -> Detection:
    return detect(ADDRESS, allow=allow, means=world.means, deadline_seconds=deadline)


def imap(host: str, port: int = 993, how: Security = Security.TLS, username: str = ADDRESS) -> ServerSettings:
    return ServerSettings(host, port, how, username)


def step(found: Detection, source: Source) -> DetectionStep:
    (only,) = [step for step in found.steps if step.source is source]
    return only


def serves(host: str) -> str:
    return settings((host, 993, "SSL"))


def test_the_answers_count_in_the_order_of_their_sources(world: World) -> None:
    world.publish(PLAIN, page(serves("plain.northgate.example")))
    world.mail_server("imap.northgate.example", 993)
    order = [Source.PLAIN_AUTOCONFIG, Source.SRV, Source.MX_HOST, Source.ISPDB, Source.WELL_KNOWN, Source.AUTOCONFIG]
    given = [look(world).source]
    world.records["_imaps._tcp.northgate.example", "SRV"] = ["0 1 993 srv.northgate.example."]
    given.append(look(world).source)
    world.records["northgate.example", "MX"] = ["10 mx1.eu.hoster.example."]
    world.publish("https://v1.ispdb.net/hoster.example", page(serves("imap.hoster.example")))
    given.append(look(world).source)
    for address in (ISPDB, WELL_KNOWN, AUTOCONFIG):
        world.publish(address, page(serves("imap.northgate.example")))
        given.append(look(world).source)
    assert given == order


def test_the_domains_settings_page_is_asked_with_the_address_over_https(world: World) -> None:
    world.publish(AUTOCONFIG, page(settings(("imap.northgate.example", 993, "SSL"), username="%EMAILLOCALPART%")))
    found = look(world)
    assert found.servers == (imap("imap.northgate.example", username="anna"),)
    assert (found.provider, found.protected, found.domain) == ("imap", True, "northgate.example")
    assert f"{AUTOCONFIG}?emailaddress={ADDRESS}" in world.asked
    assert not any(asked.startswith("http:") for asked in world.asked)
    assert [s.source for s in found.steps] == [Source.KNOWN, Source.MX, Source.AUTOCONFIG]


def test_the_unprotected_page_is_marked_and_is_not_told_the_address(world: World) -> None:
    world.publish(PLAIN, page(serves("imap.elsewhere.example")))
    found = look(world)
    assert (found.source, found.protected) == (Source.PLAIN_AUTOCONFIG, False)
    assert "imap.elsewhere.example" in found.hint
    assert PLAIN in world.asked


def test_a_server_without_encryption_is_the_last_resort_and_marked(world: World) -> None:
    world.publish(AUTOCONFIG, page(settings(("old.northgate.example", 143, "plain"))))
    found = look(world)
    assert found.servers == (imap("old.northgate.example", 143, Security.NONE),)
    assert not found.protected
    assert "no encryption" in found.hint
    world.publish(
        AUTOCONFIG, page(settings(("old.northgate.example", 143, "plain"), ("new.northgate.example", 143, "STARTTLS")))
    )
    found = look(world)
    assert found.servers == (imap("new.northgate.example", 143, Security.STARTTLS),)
    assert found.protected


@pytest.mark.parametrize(
    ("exchanger", "provider", "says"),
    [
        ("aspmx.l.google.com", "gmail", "app password"),
        ("northgate-example.mail.protection.outlook.com", "graph", "no longer accepts passwords"),
    ],
)
def test_who_receives_the_mail_outranks_what_the_web_host_says(
    world: World, exchanger: str, provider: str, says: str
) -> None:
    world.records["northgate.example", "MX"] = [f"1 {exchanger}.", "10 mx.northgate.example."]
    world.publish(AUTOCONFIG, page(serves("mail.northgate.example")))
    found = look(world)
    assert (found.provider, found.source) == (provider, Source.MX)
    assert says in found.hint
    assert exchanger in step(found, Source.MX).detail


def test_microsoft_behind_a_spam_filter_is_known_by_its_autodiscover_alias(world: World) -> None:
    world.records["northgate.example", "MX"] = ["10 mx.filter.example."]
    world.records["autodiscover.northgate.example", "CNAME"] = ["autodiscover.outlook.com."]
    found = look(world)
    assert (found.provider, found.servers) == ("graph", ())


def test_only_the_mail_exchanger_of_the_highest_priority_counts(world: World) -> None:
    world.records["northgate.example", "MX"] = ["20 aspmx.l.google.com.", "10 smtpin.rzone.de."]
    found = look(world)
    assert (found.source, found.servers) == (Source.MX_HOST, (imap("imap.strato.de"),))
    assert found.protected  # forging the MX record would lead to Strato, which is no one's to abuse


def test_settings_found_through_the_mail_host_are_to_be_compared_by_a_person(world: World) -> None:
    world.records["northgate.example", "MX"] = ["10 mx1.eu.hoster.example."]
    world.publish("https://autoconfig.hoster.example/mail/config-v1.1.xml", page(serves("imap.hoster.example")))
    found = look(world)
    assert (found.source, found.protected) == (Source.MX_HOST, False)
    assert "Check with your mail host that imap.hoster.example" in found.hint


def test_microsofts_server_named_on_a_settings_page_is_said_to_be_microsofts(world: World) -> None:
    world.publish(AUTOCONFIG, page(serves("outlook.office365.com")))
    found = look(world)
    assert (found.provider, found.servers) == ("graph", ())


def test_service_records_are_sorted_by_priority_and_weight_with_tls_first(world: World) -> None:
    world.records["_imap._tcp.northgate.example", "SRV"] = ["0 0 143 a.northgate.example."]
    world.records["_imaps._tcp.northgate.example", "SRV"] = [
        "20 0 993 d.northgate.example.", "10 1 993 c.northgate.example.", "10 9 1993 b.northgate.example.",
    ]  # fmt: skip
    found = look(world)
    assert found.servers == (
        imap("b.northgate.example", 1993), imap("c.northgate.example"), imap("d.northgate.example"),
        imap("a.northgate.example", 143, Security.STARTTLS),
    )  # fmt: skip
    assert found.protected


def test_service_records_that_lead_to_another_domain_are_to_be_compared_by_a_person(world: World) -> None:
    world.records["_imaps._tcp.northgate.example", "SRV"] = ["0 1 993 imap.hoster.example."]
    found = look(world)
    assert not found.protected
    assert "imap.hoster.example" in found.hint


def test_a_service_record_of_a_dot_means_not_offered(world: World) -> None:
    world.records["_imaps._tcp.northgate.example", "SRV"] = ["0 0 0 ."]
    world.records["_imap._tcp.northgate.example", "SRV"] = ["0 0 0 ."]
    found = look(world)
    assert found.servers == ()
    assert step(found, Source.SRV).detail == "northgate.example says that it offers no IMAP."


def test_a_domain_that_takes_no_mail_says_so(world: World) -> None:
    world.records["northgate.example", "MX"] = ["0 ."]
    assert step(look(world), Source.MX).detail == "northgate.example says that it takes no mail."


def test_a_guess_counts_only_when_a_mail_server_greets_and_nothing_secret_is_sent(world: World) -> None:
    world.silent("imap.northgate.example", 993)
    sent = world.mail_server("mail.northgate.example", 993)
    starttls = world.mail_server("northgate.example", 143, tls=False)
    found = look(world)
    assert found.servers == (imap("mail.northgate.example"), imap("northgate.example", 143, Security.STARTTLS))
    assert (found.source, found.protected) == (Source.GUESS, True)
    assert sent == []
    assert starttls == [b"t STARTTLS\r\n"]


@pytest.mark.parametrize("greeting", [b"220 mail ESMTP", b"* BYE too many connections", b"HTTP/1.1 400 Bad", b""])
def test_what_does_not_greet_as_a_mail_server_is_no_guess(world: World, greeting: bytes) -> None:
    world.mail_server("imap.northgate.example", 993, greeting=greeting)
    found = look(world)
    assert found.servers == ()
    assert "did not greet as a mail server does" in step(found, Source.GUESS).detail


def test_a_guess_with_a_certificate_for_another_name_is_not_taken(world: World) -> None:
    world.mail_server("imap.southgate.example", 993)
    found = detect("anna@southgate.example", allow=LOOPBACK, means=world.means)
    assert found.servers == ()
    assert "certificate of imap.southgate.example is not valid" in step(found, Source.GUESS).detail


def test_no_source_may_reach_a_private_address_unless_allowed(world: World) -> None:
    world.publish(AUTOCONFIG, page(serves("imap.northgate.example")))
    world.publish(PLAIN, page(serves("imap.northgate.example")))
    sent = world.mail_server("imap.northgate.example", 993)
    found = look(world, allow=frozenset())
    assert found.servers == ()
    assert (world.asked, sent) == ([], [])
    assert step(found, Source.AUTOCONFIG).outcome is Outcome.REFUSED
    assert "loopback" in step(found, Source.AUTOCONFIG).detail


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        (page("<html>Welcome</html>"), Outcome.REFUSED, "does not hold mail settings"),
        (page("<!DOCTYPE x [<!ENTITY a 'b'>]><clientConfig/>"), Outcome.REFUSED, "document type"),
        (page(b"x" * 300_000), Outcome.REFUSED, "more than 256 kB"),
        (redirect("https://inside.example/"), Outcome.REFUSED, "leads to a loopback address"),
        (redirect(AUTOCONFIG), Outcome.REFUSED, "do not follow"),
        (page("", 500), Outcome.NOTHING, "no mail settings"),
        (page(settings()), Outcome.NOTHING, "names no IMAP server"),
        (page(settings(("a b", 993, "SSL"))), Outcome.NOTHING, "names no IMAP server"),
    ],
)
def test_a_bad_answer_is_said_and_the_next_source_is_asked(
    world: World, answer: object, outcome: Outcome, says: str
) -> None:
    world.publish(AUTOCONFIG, answer)  # type: ignore[arg-type]
    world.publish(ISPDB, page(serves("imap.northgate.example")))
    world.where["inside.example", 443] = world.where["northgate.example", 443] = 9
    allow = frozenset({"autoconfig.northgate.example", "v1.ispdb.net"})
    found = look(world, allow=allow)
    assert found.source is Source.ISPDB
    assert step(found, Source.AUTOCONFIG).outcome is outcome
    assert says in step(found, Source.AUTOCONFIG).detail


def test_a_silent_source_does_not_keep_the_next_one_from_answering(world: World) -> None:
    world.silent("autoconfig.northgate.example", 443)
    world.publish(ISPDB, page(serves("imap.northgate.example")))
    began = time.monotonic()
    found = look(world)
    assert found.source is Source.ISPDB
    assert step(found, Source.AUTOCONFIG).outcome is Outcome.NO_ANSWER
    assert time.monotonic() - began < 5


def test_the_whole_never_exceeds_its_deadline(world: World) -> None:
    for host in ("autoconfig.northgate.example", "northgate.example", "imap.northgate.example", "v1.ispdb.net"):
        world.silent(host, 80, 143, 443, 993)
    means = dataclasses.replace(world.means, name_service=world.silent_name_service())
    began = time.monotonic()
    found = detect(ADDRESS, allow=LOOPBACK, means=means, deadline_seconds=1.5)
    assert time.monotonic() - began < 2.5
    assert found.servers == ()
    assert {s.source for s in found.steps} == set(Source) - {Source.INSTALLATION}


def test_in_a_closed_network_it_says_to_enter_the_server_in_a_few_seconds(world: World) -> None:
    def unreachable(host: str, port: int) -> Sequence[Endpoint]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    began = time.monotonic()
    found = detect(ADDRESS, means=Means(unreachable, world.silent_name_service(), world.tls_client))
    assert time.monotonic() - began < 7
    assert found.provider is None
    assert "could not look up names" in found.hint
    assert "Enter the server yourself" in found.hint
    assert step(found, Source.MX).outcome is Outcome.NO_ANSWER
    assert Source.GUESS in {s.source for s in found.steps}


def test_a_machine_without_a_name_service_still_tries_the_rest(world: World) -> None:
    nobody = dns.resolver.Resolver(configure=False)
    means = dataclasses.replace(world.means, name_service=nobody)
    world.mail_server("imap.northgate.example", 993)
    found = detect(ADDRESS, allow=LOOPBACK, means=means)
    assert found.source is Source.GUESS
    assert "name service did not answer" in step(found, Source.SRV).detail


def test_what_this_installation_says_comes_first_and_asks_nobody(world: World) -> None:
    overrides = {"northgate.example": ServerSettings("127.0.0.1", 10143, Security.NONE, "%EMAILLOCALPART%")}
    found = detect(" anna@Northgate.Example", means=world.means, overrides=overrides)
    assert found.servers == (imap("127.0.0.1", 10143, Security.NONE, "anna"),)
    assert (found.source, found.provider, found.protected) == (Source.INSTALLATION, "imap", True)
    assert (world.asked, world.resolved) == ([], [])


def test_an_own_answer_without_a_user_name_means_the_address() -> None:
    overrides = {"gmail.com": ServerSettings("imap.proxy.example", 143, Security.NONE, "")}
    found = detect("anna@gmail.com", overrides=overrides)
    assert found.servers == (imap("imap.proxy.example", 143, Security.NONE, "anna@gmail.com"),)
    assert not found.protected


def test_nothing_found_names_every_step_with_a_sentence(world: World) -> None:
    found = look(world)
    assert {s.source for s in found.steps} == set(Source) - {Source.INSTALLATION}
    assert all(s.detail.endswith(".") and s.outcome is not Outcome.FOUND for s in found.steps)


LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True) | st.sampled_from(
    ["xn--", "xn--a", "xn--bcher-kva", "a" * 63, "0"]
)


@hypothesis.settings(max_examples=30)
@given(st.lists(LABELS, min_size=2, max_size=5))
def test_no_domain_whatever_its_labels_breaks_the_detection(labels: list[str]) -> None:
    def nowhere(host: str, port: int) -> Sequence[Endpoint]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    address = f"anna@{'.'.join(labels)}"
    found = detect(address, means=Means(nowhere, dns.resolver.Resolver(configure=False)))
    assert found.hint


def test_a_receiving_server_with_a_name_that_is_no_host_name_is_not_asked(world: World) -> None:
    world.records["northgate.example", "MX"] = ["10 mx\\032x.ho/st:er.example."]
    assert look(world).servers == ()


@pytest.mark.parametrize(
    ("exchanger", "parents"),
    [
        ("mx1.eu.hoster.example", ["eu.hoster.example", "hoster.example"]),
        ("mx1.hoster.example", ["hoster.example"]),
        ("mx.hoster.co.uk", ["hoster.co.uk"]),
        ("mx.a.hoster.co.uk", ["a.hoster.co.uk", "hoster.co.uk"]),
        ("hoster.co.uk", ["hoster.co.uk"]), ("hoster.example", ["hoster.example"]),
        ("co.uk", []), ("localhost", []), (".", []), ("a..example", []),
    ],
)  # fmt: skip
def test_the_domains_above_a_mail_host_end_before_the_registry(exchanger: str, parents: list[str]) -> None:
    assert parent_domains(exchanger) == parents
