"""Change notifications: the address is proven, changes are told, and what cannot be told is lost or repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.sandbox.microsoft.conftest import Someone
from tests.sandbox.microsoft.listener import Listener
from tests.servers.microsoft import MicrosoftServer


def asked(listener: Listener, **more: Any) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted", "notificationUrl": listener.url,
        "lifecycleNotificationUrl": listener.url + "/life", "resource": "/me/mailFolders('inbox')/messages",
        "expirationDateTime": (datetime.now(UTC) + timedelta(days=6)).isoformat(), "clientState": "secret-state",
    } | more  # fmt: skip


def test_both_addresses_are_validated_with_a_token_before_anything_is_made(elin: Someone) -> None:
    with Listener() as listener:
        assert elin.post("/subscriptions", asked(listener)).status_code == 201
        assert [path.partition("?")[0] for path in listener.validated] == ["/notify", "/notify/life"]
    with Listener(validates=False) as listener:
        answer = elin.post("/subscriptions", asked(listener))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequest")


def test_an_address_nobody_listens_on_is_refused(elin: Someone) -> None:
    with Listener() as listener:
        pass
    assert elin.post("/subscriptions", asked(listener)).status_code == 400


def test_a_new_a_changed_and_a_moved_message_are_told_with_the_client_state(
    server: MicrosoftServer, elin: Someone
) -> None:
    with Listener() as listener:
        made = elin.post("/subscriptions", asked(listener)).json()
        known = elin.deliver(1)[0]
        listener.wait(1)
        server.mark_read(elin.address, known["id"])
        listener.wait(2)
        server.move(elin.address, known["id"], "archive")
        found = listener.wait(3)
        elin.deliver(2, folder="archive")
        assert [one["changeType"] for one in found] == ["created", "updated", "deleted"]
        note = found[0]
        assert note["subscriptionId"] == made["id"]
        assert note["clientState"] == "secret-state"
        assert note["tenantId"] == elin.tid
        assert note["resourceData"]["id"] == known["immutable_id"]
        assert note["resourceData"]["@odata.type"] == "#Microsoft.Graph.Message"
        assert note["resource"].startswith(f"Users/{elin.oid}/Messages/")


def test_a_subscription_lives_at_most_seven_days_and_at_least_45_minutes(elin: Someone) -> None:
    with Listener() as listener:
        long = asked(listener, expirationDateTime=(datetime.now(UTC) + timedelta(days=8)).isoformat())
        assert elin.post("/subscriptions", long).status_code == 400
        short = asked(listener, expirationDateTime=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())
        made = elin.post("/subscriptions", short).json()
        ends = datetime.fromisoformat(made["expirationDateTime"])
        assert ends - datetime.now(UTC) > timedelta(minutes=44)


def test_the_same_subscription_twice_is_a_conflict(elin: Someone) -> None:
    with Listener() as listener:
        assert elin.post("/subscriptions", asked(listener)).status_code == 201
        assert elin.post("/subscriptions", asked(listener)).status_code == 409


def test_one_whose_time_is_over_is_there_no_more(server: MicrosoftServer, elin: Someone) -> None:
    with Listener() as listener:
        made = elin.post("/subscriptions", asked(listener)).json()
        server.set_clock(timedelta(days=7))
        fresh = server.tokens(elin.address)["access_token"]
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {fresh}"}, timeout=30) as client:
            address = f"{server.graph_url}/v1.0/subscriptions"
            assert client.get(address).json()["value"] == []
            assert client.get(f"{address}/{made['id']}").status_code == 404
            later = (datetime.now(UTC) + timedelta(days=13)).isoformat()
            assert client.post(address, json=asked(listener, expirationDateTime=later)).status_code == 201


def test_a_subscription_is_renewed_reauthorized_and_deleted(server: MicrosoftServer, elin: Someone) -> None:
    with Listener() as listener:
        made = elin.post("/subscriptions", asked(listener)).json()
        later = (datetime.now(UTC) + timedelta(days=6, hours=12)).replace(microsecond=0)
        renewed = _ask(elin, "PATCH", made["id"], {"expirationDateTime": later.isoformat()})
        assert datetime.fromisoformat(renewed.json()["expirationDateTime"]) == later
        assert elin.post(f"/subscriptions/{made['id']}/reauthorize", {}).status_code == 204
        assert _ask(elin, "DELETE", made["id"]).status_code == 204
        assert _ask(elin, "GET", made["id"]).status_code == 404
        elin.deliver(1)
        assert listener.wait(1, seconds=0.5) == []


def _ask(someone: Someone, method: str, key: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {someone.tokens['access_token']}"}
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.request(
            method, f"{someone.server.graph_url}/v1.0/subscriptions/{key}", json=body, headers=headers
        )


def test_lifecycle_events_go_to_their_own_address(server: MicrosoftServer, elin: Someone) -> None:
    with Listener() as listener:
        made = elin.post("/subscriptions", asked(listener)).json()
        for number, event in enumerate(("missed", "reauthorizationRequired", "subscriptionRemoved"), 1):
            server.lifecycle(elin.address, event)
            assert listener.wait(number)[-1]["lifecycleEvent"] == event
        assert {one["subscriptionId"] for one in listener.received} == {made["id"]}
        assert {one["clientState"] for one in listener.received} == {"secret-state"}
        assert _ask(elin, "GET", made["id"]).status_code == 404


def test_what_is_refused_is_told_again(elin: Someone) -> None:
    with Listener(refuse=1) as listener:
        elin.post("/subscriptions", asked(listener))
        elin.deliver(1)
        assert [one["changeType"] for one in listener.wait(1)] == ["created"]


def test_what_happens_during_an_outage_is_lost(server: MicrosoftServer, elin: Someone) -> None:
    with Listener() as listener:
        elin.post("/subscriptions", asked(listener))
        server.post("lifecycle", silent=True)
        elin.deliver(1)
        server.post("lifecycle", silent=False)
        elin.deliver(2)
        assert len(listener.wait(1)) == 1
        assert listener.wait(2, seconds=0.5) == listener.received[:1]
