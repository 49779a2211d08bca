"""The address that Microsoft calls: open to everybody, and nothing is to be had or broken there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tests.servers.microsoft import MicrosoftServer
from tests.services.microsoft_world import registration
from tests.services.world import World
from tests.web.visiting import mailbox_of, words
from threadline.clock import now
from threadline.services.microsoft.notices import MOST_BYTES, MOST_WAITING
from threadline.storage.models import Folder, Mailbox, Subscription, User
from threadline.web import notifications
from threadline.web.notifications import MOST_A_MINUTE, mailroom

ADDRESS, LIFE = "/notifications/microsoft", "/notifications/microsoft/lifecycle"
SECRET = "a client state that nobody else knows"


@pytest.fixture(autouse=True)
def reached(microsoft: MicrosoftServer, settings: Any) -> Iterator[None]:
    """The operator has named an address."""
    settings.MICROSOFT = registration(microsoft, notifications_url="https://threadline.acme.example")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def stranger() -> Client:
    """Somebody of the internet, where the framework checks what it checks of browsers."""
    return Client(enforce_csrf_checks=True)


def watched(owner: User, key: str, state: str = SECRET) -> Mailbox:
    moment = now()
    mailbox = mailbox_of(owner, provider="graph")
    Subscription.objects.create(
        mailbox=mailbox, folder=Folder.objects.create(mailbox=mailbox, remote_name="i", name="Inbox", role="inbox"),
        address="https://threadline.acme.example", remote_id=key, state=hashlib.sha256(state.encode()).hexdigest(),
        expires_at=moment + timedelta(days=6), due_at=moment + timedelta(days=3),
    )  # fmt: skip
    return mailbox


def tell(browser: Client, *entries: Any, to: str = ADDRESS) -> Any:
    answer = browser.post(to, json.dumps({"value": list(entries)}), content_type="application/json")
    mailroom.wait(20)
    return answer


def entry(key: str = "sub-1", state: str = SECRET, **more: Any) -> dict[str, Any]:
    return {"subscriptionId": key, "clientState": state, "changeType": "created", "tenantId": "t"} | more


def hinted() -> list[str]:
    return list(Subscription.objects.exclude(hinted_at=None).values_list("remote_id", flat=True))


def test_a_notification_is_taken_with_202_and_no_session(world: World, stranger: Client) -> None:
    watched(world.alice, "sub-1")
    answer = tell(stranger, entry())
    assert (answer.status_code, answer.content, dict(answer.cookies)) == (202, b"", {})
    assert hinted() == ["sub-1"]


def test_it_is_answered_while_the_store_is_busy(world: World, stranger: Client, live_server: Any) -> None:
    """Microsoft waits three seconds; a batch may be stored just then."""
    from django.db import connection, transaction  # noqa: PLC0415

    if connection.vendor != "sqlite":
        pytest.skip("one writer at a time is the embedded store's")
    watched(world.alice, "sub-1")
    with transaction.atomic():
        Mailbox.objects.update(answer="the writer's lock is held")
        begun = time.monotonic()
        answer = httpx.post(live_server.url + ADDRESS, json={"value": [entry()]}, trust_env=False, timeout=10)
        assert (answer.status_code, time.monotonic() - begun < 3) == (202, True)
        assert hinted() == []
    mailroom.wait(40)
    assert hinted() == ["sub-1"]


@pytest.mark.parametrize("address", [ADDRESS, LIFE])
@pytest.mark.parametrize(
    "token",
    ["Validation: Testing client application reachability for subscription Request-Id: 5c3d", "opaque+/=token", ""],
)
def test_the_validation_token_comes_back_as_plain_text(
    world: World, stranger: Client, address: str, token: str
) -> None:
    answer = stranger.post(address, query_params={"validationToken": token})
    assert (answer.status_code, answer.content.decode()) == (200, token)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_token_with_markup_is_no_markup_any_more(world: World, stranger: Client) -> None:
    token = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    answer = stranger.post(ADDRESS, query_params={"validationToken": token})
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert not set("<>\"'") & set(answer.content.decode())
    header = stranger.post(ADDRESS, query_params={"validationToken": "a\r\nSet-Cookie: b=c"})
    assert "Set-Cookie" not in header.headers
    assert stranger.post(ADDRESS, query_params={"validationToken": "x" * 3000}).status_code == 400


def test_where_no_address_is_named_there_is_nothing(
    world: World, stranger: Client, settings: Any, microsoft: MicrosoftServer
) -> None:
    settings.MICROSOFT = registration(microsoft)
    watched(world.alice, "sub-1")
    assert tell(stranger, entry()).status_code == 404
    assert stranger.post(ADDRESS, query_params={"validationToken": "x"}).status_code == 404
    assert hinted() == []


def test_it_can_only_be_posted_to(world: World, stranger: Client) -> None:
    for method in ("get", "put", "delete", "patch"):
        assert getattr(stranger, method)(ADDRESS, query_params={"validationToken": "<b>"}).status_code == 405


def test_wrong_states_and_unknown_subscriptions_are_answered_like_true_ones(world: World, stranger: Client) -> None:
    """Whoever tries does not learn which subscriptions there are."""
    watched(world.alice, "sub-1")
    answers = [tell(stranger, one) for one in (entry(state="x"), entry("sub-2"), {"subscriptionId": "sub-1"})]
    assert [(one.status_code, one.content) for one in answers] == [(202, b"")] * 3
    assert hinted() == []


def test_another_companys_subscription_is_not_reached_with_ones_own_state(world: World, stranger: Client) -> None:
    watched(world.alice, "sub-1")
    watched(world.charlie, "sub-2", state="the state of the rival")
    tell(stranger, entry("sub-1", "the state of the rival", lifecycleEvent="subscriptionRemoved"), to=LIFE)
    assert set(Subscription.objects.values_list("remote_id", flat=True)) == {"sub-1", "sub-2"}
    assert hinted() == []


def test_a_notification_that_is_played_back_removes_nothing_twice(world: World, stranger: Client) -> None:
    watched(world.alice, "sub-1")
    removed = entry(lifecycleEvent="subscriptionRemoved")
    assert tell(stranger, removed, to=LIFE).status_code == 202
    row = Subscription.objects.get()
    assert row.remote_id == ""
    Subscription.objects.update(remote_id="sub-new", state="0" * 64)
    assert tell(stranger, removed, entry(), to=LIFE).status_code == 202
    assert (Subscription.objects.get().remote_id, hinted()) == ("sub-new", [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"value": 5}', b"\xff", b"[" * 100_000, b"subscriptionId=sub-1&clientState=x"]
)
def test_garbage_is_refused(world: World, stranger: Client, body: bytes) -> None:
    assert stranger.post(ADDRESS, body, content_type="application/json").status_code == 400
    assert stranger.post(ADDRESS, body, content_type="application/x-www-form-urlencoded").status_code == 400


def test_a_huge_body_is_refused_unread(world: World, stranger: Client) -> None:
    watched(world.alice, "sub-1")
    huge = json.dumps({"value": [entry()], "padding": "x" * MOST_BYTES}).encode()
    assert stranger.post(ADDRESS, huge, content_type="application/json").status_code == 413
    lying = stranger.post(ADDRESS, huge, content_type="application/json", CONTENT_LENGTH="17")
    assert lying.status_code == 400
    mailroom.wait(20)
    assert hinted() == []


def test_whoever_calls_too_often_is_told_so_and_others_are_not(world: World, stranger: Client) -> None:
    cache.set("notifications-from-203.0.113.9", MOST_A_MINUTE - 1, timeout=60)
    answers = [stranger.post(ADDRESS, b"{", content_type="application/json", REMOTE_ADDR="203.0.113.9")
               for _ in range(3)]  # fmt: skip
    assert [one.status_code for one in answers] == [400, 429, 429]
    assert tell(stranger, entry("sub-9")).status_code == 202


def test_where_there_is_no_room_it_is_to_be_brought_again(
    world: World, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = notifications.notices.Mailroom()
    full._waiting = {notifications.notices.Notice(str(n), ""): None for n in range(MOST_WAITING)}
    monkeypatch.setattr(notifications, "mailroom", full)
    assert tell(stranger, entry()).status_code == 503


def test_a_session_is_of_no_use_there(world: World, alice: Client) -> None:
    """Whoever is signed in here can do no more with a notification than anybody."""
    watched(world.alice, "sub-1")
    assert tell(alice, entry(state="x")).status_code == 202
    assert hinted() == []


def test_what_lasts_is_said_to_the_administrators_of_that_company_alone(
    world: World, alice: Client, bob: Client, charlie: Client
) -> None:
    watched(world.alice, "sub-1")
    trouble = {"problem": "Microsoft likely could not reach this installation.", "cause": "app_misconfigured"}
    Subscription.objects.update(remote_id="", failures=2, **trouble)
    assert "does not tell us of new mail" not in words(alice.get(reverse("company")))
    Subscription.objects.update(failures=3)
    said = words(alice.get(reverse("company")))
    assert "Microsoft does not tell us of new mail. New mail of 1 mailbox is fetched by schedule only." in said
    assert "checks that https://threadline.acme.example is reached from the internet" in said
    for other in (bob, charlie):
        assert "does not tell us of new mail" not in words(other.get(reverse("company")))
