"""The places an answer can come from.

Each is asked with an Inquiry and gives a Finding; none raises for what the outside does. Who is asked first,
and what beats what, is decided in `detect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx

from threadline.domain.causes import Cause
from threadline.domain.errors import ProviderError
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.detection import records
from threadline.providers.detection.autoconfig import NotAutoconfigError, Offer, read_autoconfig, server_name
from threadline.providers.detection.inquiry import Inquiry
from threadline.providers.detection.known import HOSTS, MailHost, by_domain, by_exchanger, by_server
from threadline.providers.detection.probe import greet
from threadline.providers.detection.result import Finding, Outcome
from threadline.providers.network import in_background

HTTP_SECONDS = 3.0
DNS_SECONDS = 2.5
PROBE_SECONDS = 3.0

_ISPDB = "https://v1.ispdb.net/"
_MICROSOFT = next(host for host in HOSTS if host.name == "Microsoft 365")
_COMPARE = "Check with your mail host that {host} is its server before you enter your password."
_IN_THE_CLEAR = "{host} offers no encryption: your password and your mail would travel readable by others."
_OWN_SIGN_IN = "{host} may only accept its provider's own sign-in, and then refuse a password."

# Second-level names under which countries register (RFC 1591 style): mail settings are never theirs to give.
_REGISTRIES = frozenset(
    ("ac", "co", "com", "edu", "gob", "gouv", "gov", "ltd", "me", "mil", "ne", "net", "nhs", "nom", "or", "org", "sch")
)


def known_domain(inquiry: Inquiry) -> Finding:
    if host := by_domain(inquiry.domain):
        return of_known_host(inquiry, host, f"{inquiry.domain} is {host.name}.")
    return Finding(Outcome.NOTHING, f"{inquiry.domain} is none of the large mail hosts we know.")


def of_known_host(inquiry: Inquiry, host: MailHost, detail: str) -> Finding:
    servers = (inquiry.settings(host.host, 993, Security.TLS, host.username),) if host.host else ()
    return Finding(Outcome.FOUND, detail, servers, host.provider, protected=True, hint=host.hint)


def known_exchanger(inquiry: Inquiry) -> Finding:
    """Google and Microsoft, by who receives the mail: this outranks what a web host says of the domain."""
    try:
        exchangers = _exchangers(inquiry)
        alias = records.alias(
            inquiry.means.name_service, f"autodiscover.{inquiry.domain}", inquiry.seconds(DNS_SECONDS)
        )
    except ProviderError as error:
        return _failed(error)
    for exchanger in exchangers:
        host = by_exchanger(exchanger)
        if host and host.provider != "imap":
            detail = f"{exchanger} receives the mail of {inquiry.domain}: this is {host.name}."
            return of_known_host(inquiry, host, detail)
    # A filter such as a spam gateway may receive the mail first; Microsoft has its customers set this alias.
    if alias == "autodiscover.outlook.com":
        detail = f"autodiscover.{inquiry.domain} is set up for Microsoft 365."
        return of_known_host(inquiry, _MICROSOFT, detail)
    if exchangers == [records.NULL]:
        return Finding(Outcome.NOTHING, f"{inquiry.domain} says that it takes no mail.")
    if not exchangers:
        return Finding(Outcome.NOTHING, f"{inquiry.domain} does not say who receives its mail.")
    return Finding(Outcome.NOTHING, f"{exchangers[0]} receives the mail of {inquiry.domain}.")


def autoconfig(inquiry: Inquiry) -> Finding:
    return _settings_page(inquiry, _autoconfig_address(inquiry, inquiry.domain))


def well_known(inquiry: Inquiry) -> Finding:
    return _settings_page(inquiry, f"https://{inquiry.domain}/.well-known/autoconfig/mail/config-v1.1.xml")


def ispdb(inquiry: Inquiry) -> Finding:
    return _settings_page(inquiry, _ISPDB + inquiry.domain)


def plain_autoconfig(inquiry: Inquiry) -> Finding:
    """The legacy form. Anyone on the way can read and change it: so it is not told the address, and is marked."""
    return _unprotected(_settings_page(inquiry, f"http://autoconfig.{inquiry.domain}/mail/config-v1.1.xml"))


def _autoconfig_address(inquiry: Inquiry, domain: str) -> str:
    address = quote(f"{inquiry.local}@{inquiry.domain}", safe="@")
    return f"https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={address}"


def exchangers_settings(inquiry: Inquiry) -> Finding:
    """What the host that receives the mail says of itself: in our table, on its pages, in the ISPDB."""
    try:
        exchangers = _exchangers(inquiry)
    except ProviderError as error:
        return _failed(error)
    for exchanger in exchangers:
        if host := by_exchanger(exchanger):
            detail = f"{exchanger} receives the mail of {inquiry.domain}: this is {host.name}."
            return of_known_host(inquiry, host, detail)
    names = [name for exchanger in exchangers[:1] if (name := server_name(exchanger, inquiry.domain))]
    parents = [parent for name in names for parent in parent_domains(name) if parent != inquiry.domain]
    if not parents:
        return Finding(Outcome.NOTHING, "There is no other mail host to ask.")
    asked = [
        in_background(lambda page=page: _settings_page(inquiry, page))  # type: ignore[misc]
        for parent in parents
        for page in (_autoconfig_address(inquiry, parent), _ISPDB + parent)
    ]
    findings = [future.result() for future in asked]
    best = next((finding for finding in findings if finding.outcome is Outcome.FOUND), findings[0])
    return _unprotected(best)  # MX records can be forged on their way


def parent_domains(exchanger: str) -> list[str]:
    """The domains to ask about an MX host: the name without its first label, and the registered domain."""
    labels = exchanger.split(".")
    country = len(labels) > 1 and len(labels[-1]) == 2 and labels[-2] in _REGISTRIES
    registered = 3 if country else 2
    if len(labels) < registered or not all(labels):
        return []
    above = labels[1:] if len(labels) > registered else labels
    return list(dict.fromkeys((".".join(above), ".".join(labels[-registered:]))))


def service_records(inquiry: Inquiry) -> Finding:
    """SRV records (RFC 6186), TLS before STARTTLS (RFC 8314)."""
    offered: list[ServerSettings] = []
    said_no = False
    try:
        for service, security in (("_imaps._tcp", Security.TLS), ("_imap._tcp", Security.STARTTLS)):
            seconds = inquiry.seconds(DNS_SECONDS)
            for target in records.services(inquiry.means.name_service, service, inquiry.domain, seconds):
                name = None if target.host == records.NULL else server_name(target.host, inquiry.domain)
                said_no = said_no or target.host == records.NULL
                if name and target.port:
                    offered.append(inquiry.settings(name, target.port, security))
    except ProviderError as error:
        if not offered:
            return _failed(error)
    if not offered:
        detail = "says that it offers no IMAP" if said_no else "has no service records for mail"
        return Finding(Outcome.NOTHING, f"{inquiry.domain} {detail}.")
    finding = _finding(inquiry, tuple(offered), f"{inquiry.domain} names {offered[0].host}.")
    return finding if _inside(offered[0].host, inquiry.domain) else _unprotected(finding)


def usual_names(inquiry: Inquiry) -> Finding:
    """imap.DOMAIN, mail.DOMAIN, DOMAIN, where one greets as an IMAP server with a valid certificate."""
    candidates = [
        inquiry.settings(name, port, security)
        for port, security in ((993, Security.TLS), (143, Security.STARTTLS))
        for name in (f"imap.{inquiry.domain}", f"mail.{inquiry.domain}", inquiry.domain)
    ]
    tries = [in_background(lambda c=c: _try(inquiry, c)) for c in candidates]  # type: ignore[misc]
    results = [future.result() for future in tries]
    found = tuple(c for c, error in zip(candidates, results, strict=True) if error is None)
    if not found:
        errors = [error for error in results if error]
        told = dict.fromkeys(str(error) for error in errors if error.cause is not Cause.HOST_UNKNOWN)
        detail = " ".join(told) or f"There are no servers named imap.{inquiry.domain} or mail.{inquiry.domain}."
        silent = all(error.cause is Cause.HOST_SILENT for error in errors)
        return Finding(Outcome.NO_ANSWER if silent else Outcome.NOTHING, detail)
    hint = f"We tried usual names and found {found[0].host}. Check that this is where your mail is kept."
    return Finding(Outcome.FOUND, f"{found[0].host} greets as a mail server.", found, "imap", hint=hint)


def _try(inquiry: Inquiry, server: ServerSettings) -> ProviderError | None:
    try:
        greet(inquiry, server.host, server.port, server.security, PROBE_SECONDS)
    except ProviderError as error:
        return error
    return None


def _settings_page(inquiry: Inquiry, page: str) -> Finding:
    host = urlsplit(page).hostname or page
    if not inquiry.seconds(HTTP_SECONDS):
        return Finding(Outcome.NO_ANSWER, f"There was no time left to ask {host}.")
    try:
        with inquiry.client(HTTP_SECONDS) as client:
            answer = client.get(page)
    except ProviderError as error:
        if error.cause is Cause.HOST_UNKNOWN and error.certain:
            return Finding(Outcome.NOTHING, f"There is no {host}.")
        return _failed(error)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # ValueError: an "xn--" name that is none
        return Finding(Outcome.REFUSED, f"{host} sent us somewhere we do not follow ({type(error).__name__}).")
    if answer.status_code != 200:
        return Finding(Outcome.NOTHING, f"{host} has no mail settings for this domain.")
    try:
        offers = read_autoconfig(answer.content)
    except NotAutoconfigError as error:
        return Finding(Outcome.REFUSED, f"What {host} sent is not used: {error}.")
    return _from_offers(inquiry, offers, host)


def _from_offers(inquiry: Inquiry, offers: list[Offer], host: str) -> Finding:
    chosen = [offer for offer in offers if offer.takes_passwords] or offers
    encrypted = [offer for offer in chosen if offer.security is not Security.NONE]
    servers = tuple(_servers(inquiry, encrypted or chosen))
    if not servers:
        return Finding(Outcome.NOTHING, f"{host} names no IMAP server.")
    finding = _finding(inquiry, servers, f"{host} names {servers[0].host}.")
    if finding.provider == "imap" and not finding.hint and not chosen[0].takes_passwords:
        hint = _OWN_SIGN_IN.format(host=servers[0].host)
        return Finding(finding.outcome, finding.detail, servers, "imap", finding.protected, hint)
    return finding


def _servers(inquiry: Inquiry, offers: list[Offer]) -> Iterator[ServerSettings]:
    for offer in offers:
        if name := server_name(offer.host, inquiry.domain):
            yield inquiry.settings(name, offer.port, offer.security, offer.username)


def _finding(inquiry: Inquiry, servers: tuple[ServerSettings, ...], detail: str) -> Finding:
    """What servers mean: those of a host we know are that host, whoever named them."""
    first = servers[0]
    if host := by_server(first.host):
        if host.provider == "imap":
            return Finding(Outcome.FOUND, detail, servers, "imap", hint=host.hint)
        return of_known_host(inquiry, host, f"{detail[:-1]}: this is {host.name}.")
    if first.security is Security.NONE:
        hint = _IN_THE_CLEAR.format(host=first.host)
        return Finding(Outcome.FOUND, detail, servers, "imap", protected=False, hint=hint)
    return Finding(Outcome.FOUND, detail, servers, "imap")


def _unprotected(finding: Finding) -> Finding:
    if finding.outcome is not Outcome.FOUND or not finding.servers or by_server(finding.servers[0].host):
        return finding
    hint = finding.hint or _COMPARE.format(host=finding.servers[0].host)
    return Finding(finding.outcome, finding.detail, finding.servers, finding.provider, protected=False, hint=hint)


def _inside(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _exchangers(inquiry: Inquiry) -> list[str]:
    try:
        return inquiry.exchangers.result(inquiry.seconds(DNS_SECONDS + 1))
    except TimeoutError as error:
        raise records.unanswered(error) from error


def _failed(error: ProviderError) -> Finding:
    refused = error.cause in {Cause.HOST_NOT_ALLOWED, Cause.CERTIFICATE_INVALID, Cause.SERVER_TROUBLE}
    return Finding(Outcome.REFUSED if refused else Outcome.NO_ANSWER, str(error))
