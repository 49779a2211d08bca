"""A table of facts has a test per entry: here each is what a person with such an address would get."""

import pytest

from threadline.providers.contract import Security, ServerSettings
from threadline.providers.detection import Source, detect
from threadline.providers.detection.known import HOSTS, by_domain, by_exchanger, by_server

EXPECTED = {
    "anna@gmail.com": "imap.gmail.com anna@gmail.com",
    "anna@googlemail.com": "imap.gmail.com anna@googlemail.com",
    "anna@yahoo.co.uk": "imap.mail.yahoo.com anna@yahoo.co.uk",
    "anna@aol.com": "imap.aol.com anna@aol.com",
    "anna@sbcglobal.net": "imap.mail.att.net anna@sbcglobal.net",
    "anna@icloud.com": "imap.mail.me.com anna",
    "anna@fastmail.com": "imap.fastmail.com anna@fastmail.com",
    "anna@zoho.com": "imap.zoho.com anna@zoho.com",
    "anna@gmx.de": "imap.gmx.net anna@gmx.de",
    "anna@gmx.com": "imap.gmx.com anna@gmx.com",
    "anna@mail.com": "imap.mail.com anna@mail.com",
    "anna@web.de": "imap.web.de anna",
    "anna@t-online.de": "secureimap.t-online.de anna@t-online.de",
    "anna@online.de": "imap.1und1.de anna@online.de",
    "anna@ionos.com": "imap.ionos.com anna@ionos.com",
    "anna@strato.de": "imap.strato.de anna@strato.de",
    "anna@freenet.de": "mx.freenet.de anna@freenet.de",
    "anna@mailbox.org": "imap.mailbox.org anna@mailbox.org",
    "anna@posteo.net": "posteo.de anna@posteo.net",
    "anna@migadu.com": "imap.migadu.com anna@migadu.com",
    "anna@emailsrvr.com": "secure.emailsrvr.com anna@emailsrvr.com",
    "anna@wanadoo.fr": "imap.orange.fr anna@wanadoo.fr",
    "anna@free.fr": "imap.free.fr anna",
    "anna@libero.it": "imapmail.libero.it anna@libero.it",
    "anna@comcast.net": "imap.comcast.net anna@comcast.net",
    "anna@o2.pl": "poczta.o2.pl anna",
    "anna@yandex.ru": "imap.yandex.com anna@yandex.ru",
    "anna@mail.ru": "imap.mail.ru anna@mail.ru",
    "anna@naver.com": "imap.naver.com anna@naver.com",
    "anna@qq.com": "imap.qq.com anna@qq.com",
}
EXCHANGERS = {
    "aspmx.l.google.com": "Gmail", "smtp.google.com": "Gmail", "aspmx2.googlemail.com": "Gmail",
    "northgate-example.mail.protection.outlook.com": "Microsoft 365",
    "northgate-example.a-v1.mx.microsoft": "Microsoft 365",
    "eur.olc.protection.outlook.com": "Outlook.com", "mta5.am0.yahoodns.net": "Yahoo",
    "mx-aol.mail.gm0.yahoodns.net": "AOL", "in1-smtp.messagingengine.com": "Fastmail",
    "mx00.emig.gmx.net": "GMX", "mx01.emig.gmx.net": "GMX", "mx00.gmx.net": "GMX", "mx01.gmx.net": "GMX",
    "mx01.kundenserver.de": "1&1", "mx00.schlund.de": "1&1", "mx00.perfora.net": "IONOS", "mx.ionos.com": "IONOS",
    "smtpin.rzone.de": "Strato", "mxext1.mailbox.org": "mailbox.org", "aspmx1.migadu.com": "Migadu",
    "mx1.emailsrvr.com": "Rackspace",
}  # fmt: skip


@pytest.mark.parametrize("address", EXPECTED)
def test_a_known_address_needs_no_network(address: str) -> None:
    found = detect(address)
    host, username = EXPECTED[address].split()
    assert found.servers == (ServerSettings(host, 993, Security.TLS, username),)
    assert found.source is Source.KNOWN
    assert found.protected
    assert found.provider == ("gmail" if host == "imap.gmail.com" else "imap")


@pytest.mark.parametrize(
    "address", ["a@outlook.com", "a@hotmail.co.uk", "a@live.nl", "a@msn.com", "a@northgate.onmicrosoft.com"]
)
def test_a_microsoft_address_says_that_passwords_are_not_accepted_and_offers_no_server(address: str) -> None:
    found = detect(address)
    assert (found.provider, found.servers) == ("graph", ())
    assert "no longer accepts passwords" in found.hint


def test_gmail_says_how_to_get_an_app_password() -> None:
    assert "app password" in detect("anna@gmail.com").hint


@pytest.mark.parametrize("exchanger", EXCHANGERS)
def test_a_receiving_server_tells_its_host(exchanger: str) -> None:
    host = by_exchanger(exchanger)
    assert host is not None
    assert host.name == EXCHANGERS[exchanger]


@pytest.mark.parametrize(
    "exchanger",
    ["mx.evilgoogle.com", "google.com.northgate.example", "mx00.gmx.com", "mx.northgate.example", "com", ""],
)
def test_a_name_that_only_looks_like_a_known_one_is_not(exchanger: str) -> None:
    assert by_exchanger(exchanger) is None
    assert by_domain(f"not{exchanger}") is None


def test_the_table_is_tested_entry_by_entry_and_holds_no_domain_twice() -> None:
    domains = [domain for host in HOSTS for domain in host.domains]
    assert len(domains) == len(set(domains))
    tested = {by_domain(address.partition("@")[2]) for address in EXPECTED}
    assert {host for host in HOSTS if host.host} == tested
    suffixes = {suffix for host in HOSTS for suffix in host.mx}
    assert {s for s in suffixes for e in EXCHANGERS if e == s or e.endswith(f".{s}")} == suffixes
    assert all(host.source for host in HOSTS)


def test_microsofts_imap_names_are_microsoft_whoever_announces_them() -> None:
    host = by_server("Outlook.Office365.com")
    assert host is not None
    assert host.provider == "graph"
