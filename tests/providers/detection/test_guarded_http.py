"""The HTTP client that goes only where it may, and not for long."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from tests.providers.detection.world import LOOPBACK, World, page, redirect
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, Transient
from threadline.providers.guarded_http import guarded_client

HOME = "https://northgate.example/settings"


def get(world: World, url: str = HOME, *, allow: frozenset[str] = LOOPBACK, timeout: float = 5) -> httpx.Response:
    with guarded_client(allow, timeout, resolver=world.resolve, tls=world.tls_client) as client:
        return client.get(url)


def test_a_page_of_an_allowed_host_is_read_over_verified_tls(world: World) -> None:
    world.publish(HOME, page("hello", X_Note="kept"))
    answer = get(world)
    assert (answer.status_code, answer.text, answer.headers["x-note"]) == (200, "hello", "kept")


def test_a_host_on_loopback_is_not_even_connected_to(world: World) -> None:
    world.publish(HOME, page("secret"))
    with pytest.raises(AppMisconfigured, match="loopback"):
        get(world, allow=frozenset())
    assert world.asked == []


@pytest.mark.parametrize(
    "inside", ["https://inside.northgate.example/admin", "https://127.0.0.1/admin", "https://[::1]/"]
)
def test_a_redirect_to_loopback_is_refused(world: World, inside: str) -> None:
    world.publish(HOME, redirect(inside))
    host = httpx.URL(inside).host
    world.where[host, 443] = world.where["northgate.example", 443]
    with pytest.raises(AppMisconfigured, match="loopback") as caught:
        get(world, allow=frozenset({"northgate.example"}))
    assert caught.value.cause is Cause.HOST_NOT_ALLOWED
    assert world.asked == [HOME]


def test_a_redirect_between_allowed_hosts_is_followed(world: World) -> None:
    world.publish(HOME, redirect("https://www.northgate.example/there"))
    world.publish("https://www.northgate.example/there", page("arrived"))
    assert get(world).text == "arrived"


def test_a_redirect_from_https_to_http_is_refused(world: World) -> None:
    world.publish(HOME, redirect("http://northgate.example/open"))
    world.publish("http://northgate.example/open", page("forged"))
    with pytest.raises(Transient, match="without encryption"):
        get(world)


def test_redirects_without_end_are_given_up(world: World) -> None:
    world.publish(HOME, redirect(HOME))
    with pytest.raises(httpx.TooManyRedirects):
        get(world)
    assert len(world.asked) == 4


@pytest.mark.parametrize("location", ["ftp://northgate.example/", "file:///etc/passwd", "https://xn--/"])
def test_a_redirect_to_another_kind_of_address_is_refused(world: World, location: str) -> None:
    world.publish(HOME, redirect(location))
    with pytest.raises((Transient, httpx.HTTPError, httpx.InvalidURL, ValueError)):
        get(world)


def test_an_oversize_body_is_refused_without_reading_it_all(world: World) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(64):
            handler.wfile.write(b"x" * 65536)
            sent.append(65536)

    world.publish(HOME, endless)
    with pytest.raises(Transient, match="more than 256 kB"):
        get(world)
    assert sum(sent) < 64 * 65536


def test_a_compressed_body_is_refused_unread(world: World) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)[:200_000]
    world.publish(HOME, page(bomb, Content_Encoding="gzip"))
    with pytest.raises(Transient, match="compressed"):
        get(world)


def drip(piece: bytes, head: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        for _ in range(100):
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(0.1)

    return answer


@pytest.mark.parametrize(
    "answer",
    [drip(b"x", b"HTTP/1.1 200 OK\r\n\r\n"), drip(b"X-Header: y\r\n", b"HTTP/1.1 200 OK\r\n"), drip(b"", b"")],
    ids=["body", "headers", "nothing"],
)
def test_the_whole_request_ends_in_time_however_slowly_the_answer_drips(
    world: World, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    world.publish(HOME, answer)
    began = time.monotonic()
    with pytest.raises(Transient) as caught:
        get(world, timeout=0.5)
    assert time.monotonic() - began < 1.5
    assert caught.value.cause is Cause.HOST_SILENT


def test_the_redirects_share_one_time(world: World) -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.4)
        redirect(HOME)(handler)

    world.publish(HOME, slow)
    began = time.monotonic()
    with pytest.raises(Transient):
        get(world, timeout=0.6)
    assert time.monotonic() - began < 1.5


def test_a_host_that_takes_the_connection_and_says_nothing_is_left(world: World) -> None:
    world.silent("northgate.example", 443)
    with pytest.raises(Transient, match=r"northgate\.example") as caught:
        get(world, timeout=0.4)
    assert caught.value.cause is Cause.HOST_SILENT


def test_a_certificate_for_another_name_is_refused(world: World) -> None:
    world.publish("https://southgate.example/", page("hello"))
    with pytest.raises(Transient, match=r"certificate of southgate\.example is not valid") as caught:
        get(world, "https://southgate.example/")
    assert caught.value.cause is Cause.CERTIFICATE_INVALID


def test_an_answer_that_is_not_http_is_said(world: World) -> None:
    def greet(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 mail ESMTP\r\n" * 20)

    world.publish(HOME, greet)
    with pytest.raises(Transient, match="as a web server does"):
        get(world)


def test_a_proxy_of_the_environment_is_not_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    world.publish(HOME, page("direct"))
    assert get(world).text == "direct"
