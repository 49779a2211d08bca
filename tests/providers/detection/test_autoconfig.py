import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.detection.world import settings
from threadline.providers.contract import Security
from threadline.providers.detection.autoconfig import NotAutoconfigError, read_autoconfig, server_name

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + ']><clientConfig version="1.1"><emailProvider id="x">&j;</emailProvider></clientConfig>'
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><clientConfig>&f;</clientConfig>'
EXTERNAL_DTD = '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><clientConfig/>'


def read(text: str) -> list[tuple[str, int, Security, str]]:
    return [(o.host, o.port, o.security, o.username) for o in read_autoconfig(text.encode())]


def test_only_imap_servers_are_read_and_encrypted_ones_come_first() -> None:
    text = settings(
        ("plain.northgate.example", 143, "plain"),
        ("start.northgate.example", 143, "STARTTLS"),
        ("tls.northgate.example", 993, "SSL"),
        username="%EMAILLOCALPART%",
    )
    assert read(text) == [
        ("tls.northgate.example", 993, Security.TLS, "%EMAILLOCALPART%"),
        ("start.northgate.example", 143, Security.STARTTLS, "%EMAILLOCALPART%"),
        ("plain.northgate.example", 143, Security.NONE, "%EMAILLOCALPART%"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("document", [BOMB, EXTERNAL, EXTERNAL_DTD], ids=["bomb", "file", "external"])
def test_a_document_type_is_refused_at_once_in_any_encoding(document: str, encoding: str) -> None:
    began = time.monotonic()
    with pytest.raises(NotAutoconfigError, match="document type"):
        read_autoconfig(document.replace('<?xml version="1.0"?>', "").encode(encoding))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "well-formed"), ("<html><body>Welcome<br></body></html>", "well-formed"),
        ("<html><body>Welcome</body></html>", "does not hold mail settings"),
        ("<clientConfig><a></clientConfig>", "well-formed"), ("<a>" * 5000, "nested too deeply"),
        ('<?xml version="1.0" encoding="klingon"?><clientConfig/>', "well-formed"),
        ("<clientConfig>&undefined;</clientConfig>", "well-formed"),
    ],
)  # fmt: skip
def test_what_is_not_autoconfig_is_refused_with_the_reason(document: str, says: str) -> None:
    with pytest.raises(NotAutoconfigError, match=says):
        read_autoconfig(document.encode())


@pytest.mark.parametrize(
    "server",
    [("h.example", 0, "SSL"), ("h.example", 65536, "SSL"), ("h.example", 993, "tls-maybe"), ("", 993, "SSL")],
)
def test_a_server_that_makes_no_sense_is_left_out(server: tuple[str, int, str]) -> None:
    assert read(settings(server, ("imap.northgate.example", 993, "SSL"))) == [
        ("imap.northgate.example", 993, Security.TLS, "%EMAILADDRESS%")
    ]


def test_a_server_for_the_providers_own_sign_in_only_is_marked() -> None:
    (offer,) = read_autoconfig(settings(("imap.x.example", 993, "SSL"), methods="OAuth2").encode())
    assert not offer.takes_passwords


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: f"<clientConfig>{t}</clientConfig>".encode()))
def test_any_bytes_are_read_or_refused_but_never_break_the_reader(document: bytes) -> None:
    with contextlib.suppress(NotAutoconfigError):
        assert read_autoconfig(document) == []


@pytest.mark.parametrize("template", ["imap host.example", "http://x.example/", "a..b", "", "x\n.example", "a/b"])
def test_what_is_no_host_name_is_not_taken_for_one(template: str) -> None:
    assert server_name(template, "northgate.example") is None


def test_the_domain_can_stand_in_the_host_name() -> None:
    assert server_name("imap.%EMAILDOMAIN%", "northgate.example") == "imap.northgate.example"
