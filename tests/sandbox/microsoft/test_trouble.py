"""Throttling, batches and faults: what goes wrong between client and server, and what the log says about it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.microsoft.conftest import Make, Someone
from tests.servers.microsoft import MicrosoftServer


@pytest.fixture
def calm(server: MicrosoftServer) -> Any:
    """Everything as usual again after the test."""
    server.clear_log()
    yield server
    server.clear_faults()
    server.throttle(concurrent=4, requests=10_000, latency_ms=0, retry_after=10)


# Throttling


def test_more_than_four_requests_at_once_in_one_mailbox_are_refused(calm: MicrosoftServer, make: Make) -> None:
    elin, other = make(), make()
    calm.throttle(latency_ms=1500, retry_after=7)
    with ThreadPoolExecutor(8) as pool:
        mine = [pool.submit(elin.get, "/messages") for _ in range(7)]
        others = pool.submit(other.get, "/messages")
        answers = [one.result() for one in mine]
    refused = [one for one in answers if one.status_code == 429]
    assert 1 <= len(refused) <= 3
    assert {one.headers["retry-after"] for one in refused} == {"7"}
    assert refused[0].json()["error"]["code"] == "ApplicationThrottled"
    assert "MailboxConcurrency" in refused[0].json()["error"]["message"]
    assert others.result().status_code == 200
    assert max(one["in_flight"] for one in calm.log("/me/messages")) > 4


def test_too_many_requests_in_ten_minutes_are_refused_and_those_refused_count_too(
    calm: MicrosoftServer, elin: Someone
) -> None:
    calm.throttle(requests=3)
    statuses = [elin.get("").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert 500 < int(elin.get("").headers["retry-after"]) <= 600


# Batches


def batch(*paths: str) -> dict[str, Any]:
    headers = {"Prefer": 'IdType="ImmutableId"'}
    return {"requests": [{"id": str(n), "method": "GET", "url": p, "headers": headers} for n, p in enumerate(paths)]}


def test_a_batch_answers_each_with_its_own_status_and_in_no_order(calm: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]["immutable_id"]
    answer = elin.post("/$batch", batch(f"/me/messages/{known}?$select=subject", "/me/messages/AAMkNo", "/me"))
    found = answer.json()["responses"]
    assert answer.status_code == 200
    assert [one["id"] for one in found] != ["0", "1", "2"]
    by_id = {one["id"]: one for one in found}
    assert by_id["0"]["body"]["subject"] == "Letter 1"
    assert by_id["0"]["body"]["id"] == known
    assert (by_id["1"]["status"], by_id["1"]["body"]["error"]["code"]) == (404, "ErrorItemNotFound")
    assert by_id["2"]["status"] == 200
    assert sorted(one["path"] for one in calm.log() if one["batch"]) == sorted(
        ["/v1.0/me", f"/v1.0/me/messages/{known}", "/v1.0/me/messages/AAMkNo"]
    )


def test_a_batch_holds_at_most_twenty(elin: Someone) -> None:
    assert elin.post("/$batch", batch(*["/me"] * 20)).status_code == 200
    assert elin.post("/$batch", batch(*["/me"] * 21)).status_code == 400


def test_a_throttled_item_is_a_429_inside_a_200(calm: MicrosoftServer, elin: Someone) -> None:
    calm.fault("/me/messages", status=429, headers={"Retry-After": "3"})
    found = {one["id"]: one for one in elin.post("/$batch", batch("/me", "/me/messages")).json()["responses"]}
    assert found["0"]["status"] == 200
    assert (found["1"]["status"], found["1"]["headers"]["Retry-After"]) == (429, "3")
    assert found["1"]["body"]["error"]["code"] == "ApplicationThrottled"


def test_an_item_that_depends_on_a_failed_one_fails_with_424(elin: Someone) -> None:
    body = batch("/me/messages/AAMkNo", "/me")
    body["requests"][1]["dependsOn"] = ["0"]
    found = {one["id"]: one["status"] for one in elin.post("/$batch", body).json()["responses"]}
    assert found == {"0": 404, "1": 424}


def test_mime_in_a_batch_is_base64(elin: Someone) -> None:
    known = elin.deliver(1)[0]["immutable_id"]
    body = elin.post("/$batch", batch(f"/me/messages/{known}/$value")).json()["responses"][0]["body"]
    assert isinstance(body, str)
    assert body.startswith("UmVjZWl2ZWQ6")


# Faults


def test_a_fault_meets_the_requests_it_is_for_and_no_others(calm: MicrosoftServer, make: Make) -> None:
    elin, other = make(), make()
    number = calm.fault("mailFolders", status=504, count=2, skip=1, account=elin.address)
    assert other.get("/mailFolders").status_code == 200
    assert elin.get("").status_code == 200
    assert [elin.get("/mailFolders").status_code for _ in range(4)] == [200, 504, 504, 200]
    assert [one["fault"] for one in calm.log("mailFolders")] == [0, 0, number, number, 0]


def test_every_address_can_fail_once(calm: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(15))
    calm.fault("/v1.0/", status=429, headers={"Retry-After": "0"}, count=-1, each=True, account=elin.address)
    link, statuses = "/mailFolders/inbox/messages/delta", []
    while link:
        answer = elin.get(link)
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            link = answer.json().get("@odata.nextLink", "")
    assert statuses == [429, 200, 429, 200]
    body = batch("/me", "/me/mailFolders")
    assert elin.post("/$batch", body).status_code == 429
    assert [one["status"] for one in elin.post("/$batch", body).json()["responses"]] == [429, 429]
    assert [one["status"] for one in elin.post("/$batch", body).json()["responses"]] == [200, 200]


def test_every_way_an_answer_can_go_wrong(calm: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(3))
    calm.fault("/messages", action="truncate")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        elin.get("/messages").json()
    calm.fault("/messages", action="break_json")
    with pytest.raises(ValueError, match="Expecting"):
        elin.get("/messages").json()
    calm.fault("/messages", action="cut")
    with pytest.raises(httpx.RemoteProtocolError):
        elin.get("/messages")
    calm.fault("/messages", action="drop")
    with pytest.raises(httpx.TransportError):
        elin.get("/messages")
    calm.fault("/messages", action="delay", delay_ms=400)
    started = time.monotonic()
    assert elin.get("/messages").status_code == 200
    assert time.monotonic() - started >= 0.4
    calm.fault("/messages", action="hang")
    headers = {"Authorization": f"Bearer {elin.tokens['access_token']}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{calm.graph_url}/v1.0/me/messages", headers=headers, timeout=1.0, trust_env=False)
    assert elin.get("/messages").status_code == 200


def test_the_token_endpoint_can_fail_too(calm: MicrosoftServer, elin: Someone) -> None:
    calm.fault("oauth2/v2.0/token", method="POST", status=503, body="<html>busy</html>")
    answer = elin.refresh()
    assert (answer.status_code, answer.text) == (503, "<html>busy</html>")
    assert elin.refresh().status_code == 200


def test_the_log_counts_requests_and_bytes(calm: MicrosoftServer, elin: Someone) -> None:
    calm.clear_log()
    answer = elin.get("/messages", **{"$top": "5"})
    (entry,) = calm.log("/me/messages")
    assert entry["received"] == len(answer.content)
    assert (entry["method"], entry["status"], entry["account"]) == ("GET", 200, elin.address)
    assert "top=5" in entry["query"]
    assert entry["prefer"] == 'IdType="ImmutableId"'


def test_a_stopped_server_refuses_and_comes_back_on_its_port(calm: MicrosoftServer, elin: Someone) -> None:
    calm.post("stop")
    with pytest.raises(httpx.ConnectError):
        elin.get("")
    calm.post("start")
    assert elin.get("").status_code == 200
