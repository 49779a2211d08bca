"""How Graph is asked: how many at once, with which tokens, and what is done when it asks to wait."""

from __future__ import annotations

import json
import time
from datetime import datetime

import pytest

from tests.providers.contract import mails
from tests.providers.contract.engine import Engine, inbox
from tests.providers.graph.conftest import Box, box_of
from tests.servers.graph_tokens import Tokens
from tests.servers.microsoft import Action, MicrosoftServer
from threadline.domain.causes import Cause
from threadline.domain.errors import AccountGone, NeedsAdmin, NeedsUser, Throttled, Transient
from threadline.domain.folders import Role
from threadline.providers.contract import Query


def test_every_request_wants_ids_that_last_and_a_page_size_and_none_writes(box: Box) -> None:
    box.deliver(3)
    large, _ = mails.with_attachment(300_000)
    box.server.deliver(box.address, large)
    box.server.deliver(box.address, mails.small(9), "sentitems")
    box.server.clear_log()
    with box.open() as session:
        for folder in session.folders():
            engine = Engine()
            engine.refresh(session, folder)
            engine.refresh(session, folder)
            list(session.headers(folder, "", list(engine.held)))
            session.places(list(engine.held))
            session.list_ids(folder)
        list(session.find(Query(subject="mail")))
    asked = [one for one in box.server.log() if one["path"].startswith("/v1.0")]
    assert asked
    assert all('IdType="ImmutableId"' in one["prefer"] and "odata.maxpagesize=" in one["prefer"] for one in asked)
    assert {(one["method"], one["path"]) for one in asked if one["method"] != "GET"} == {("POST", "/v1.0/$batch")}
    assert not any("filter" in one["query"] for one in asked if one["path"].endswith("/delta"))


def test_no_more_than_three_are_under_way_for_a_mailbox_however_many_read_it(box: Box) -> None:
    box.deliver(24)
    box.server.throttle(latency_ms=30)
    with box.open() as first, box.open() as second:
        folder = inbox(first)
        engine = box.held(first)
        box.server.clear_log()
        items = [content.item for content in engine.held.values()]
        both = zip(first.fetch(folder, "", items), second.fetch(folder, "", items), strict=True)
        assert len(list(both)) == 24
    together = [one["in_flight"] for one in box.server.log() if not one["batch"]]
    assert 2 <= max(together) <= 3


@pytest.mark.parametrize(
    "path",
    [r"\$value", r"messages/delta", r"/\$batch", r"bccRecipients"],
    ids=["message", "delta", "batch", "in a batch"],
)
def test_a_delay_that_graph_names_is_kept(box: Box, path: str) -> None:
    box.server.deliver(box.address, mails.small(1), "sentitems")
    with box.open() as session:
        folder = next(folder for folder in session.folders() if folder.role is Role.SENT)
        box.server.clear_log()
        fault = box.server.fault(path, status=429, headers={"Retry-After": "2"})
        engine = Engine()
        engine.refresh(session, folder)
    assert len(engine.held) == 1
    log = box.server.log()
    refused = next(place for place, one in enumerate(log) if one["fault"] == fault)
    after = next(one for one in log[refused + 1 :] if one["path"] != log[refused]["path"] or not one["fault"])
    gap = datetime.fromisoformat(after["at"]) - datetime.fromisoformat(log[refused]["at"])
    assert gap.total_seconds() >= 1.9


def test_a_long_delay_is_told_and_not_waited_for(box: Box) -> None:
    box.deliver(1)
    with box.open() as session:
        folder = inbox(session)
        box.server.fault("delta", status=429, headers={"Retry-After": "300"})
        began = time.monotonic()
        with pytest.raises(Throttled) as caught:
            Engine().refresh(session, folder)
        assert time.monotonic() - began < 10
        assert caught.value.retry_after is not None
        assert 290 < caught.value.retry_after.total_seconds() <= 300
        box.server.clear_log()
        with pytest.raises(Throttled):  # what is refused counts as asked, so nobody of this mailbox asks before that
            session.list_ids(folder)
        assert box.server.log() == []


def test_the_delay_of_one_mailbox_is_not_felt_by_another(microsoft: MicrosoftServer) -> None:
    anna, bo = box_of(microsoft), box_of(microsoft, "bo@acme.test")
    bo.deliver(2)
    with anna.open() as slowed, bo.open() as other:
        microsoft.fault("/v1.0/", account=anna.address, status=429, count=-1, headers={"Retry-After": "300"})
        with pytest.raises(Throttled):
            slowed.folders()
        assert len(bo.held(other).held) == 2


def test_a_rejected_token_is_renewed_once_and_the_work_goes_on(box: Box) -> None:
    box.deliver(6)
    with box.open() as session:
        folder = inbox(session)
        box.server.fault(r"\$value", status=401, count=1)
        engine = Engine()
        engine.refresh(session, folder)
    assert len(engine.held) == 6
    assert len(box.tokens.renewals) == 1


def test_a_token_that_is_never_accepted_ends_in_an_error_of_the_provider(box: Box) -> None:
    with box.open() as session:
        box.server.fault("/v1.0/", status=401, count=-1)
        with pytest.raises(Transient) as caught:
            session.folders()
    assert not caught.value.certain
    assert len(box.tokens.renewals) == 1


def test_a_challenge_is_answered_with_what_it_asks_for(box: Box) -> None:
    box.deliver(2)
    with box.open() as session:
        box.server.challenge(box.address)
        assert len(box.held(session).held) == 2
    (claims,) = box.tokens.renewals
    assert "nbf" in json.loads(claims)["access_token"]


def test_a_sign_in_that_was_ended_is_the_owners(box: Box) -> None:
    with box.open() as session:
        box.server.revoke(box.address)
        with pytest.raises(NeedsUser) as caught:
            session.folders()
    assert (caught.value.cause, caught.value.certain) == (Cause.SECURITY_CHANGE, False)


@pytest.mark.parametrize("kind", ["on_premises", "unlicensed", "soft_deleted"])
def test_an_account_without_a_mailbox_is_said_when_it_is_opened(box: Box, kind: str) -> None:
    box.server.set_user(box.address, kind=kind)
    with pytest.raises(NeedsAdmin) as caught:
        box.open()
    assert (caught.value.cause, caught.value.certain) == (Cause.NO_MAILBOX, False)


def test_an_account_that_is_gone_is_said(box: Box) -> None:
    box.server.set_user(box.address, state="deleted")
    with pytest.raises(AccountGone):
        box.open()


@pytest.mark.parametrize("action", ["truncate", "break_json", "drop", "cut"])
def test_what_broke_on_the_way_is_asked_for_again(box: Box, action: Action) -> None:
    box.deliver(4)
    for path in ("mailFolders", r"\$batch", "delta"):
        box.server.fault(path, action=action)
    with box.open() as session:
        assert len(box.held(session).held) == 4


def test_an_answer_that_hangs_ends_in_time(box: Box) -> None:
    box.server.fault("delta", action="hang", count=-1)
    with box.open(timeout=1.0) as session:
        began = time.monotonic()
        with pytest.raises(Transient) as caught:
            box.held(session)
    assert caught.value.cause is Cause.HOST_SILENT
    assert time.monotonic() - began < 10


def test_where_a_person_waits_everything_ends_when_their_patience_does(box: Box) -> None:
    box.deliver(40)
    box.server.throttle(latency_ms=300)
    began = time.monotonic()
    with pytest.raises(Transient), box.open(patience=2.0) as session:
        box.held(session)
    assert time.monotonic() - began < 6


def test_a_link_to_another_server_is_not_followed(box: Box) -> None:
    elsewhere = json.dumps({"value": [], "@odata.nextLink": "https://elsewhere.example/v1.0/me/messages"})
    box.server.fault("delta", status=200, body=elsewhere)
    with box.open() as session, pytest.raises(Transient, match="another server"):
        box.held(session)


def test_a_list_without_an_end_is_left(box: Box) -> None:
    with box.open() as session:
        box.server.fault("delta", status=200, body=json.dumps({"value": []}))
        with pytest.raises(Transient, match="does not end"):
            box.held(session)


def test_a_cursor_of_another_address_lists_anew(box: Box) -> None:
    box.deliver(2)
    with box.open() as session:
        engine = box.held(session)
        engine.cursor = json.dumps({"delta": "https://elsewhere.example/v1.0/me/delta?$deltatoken=1"})
        engine.refresh(session, inbox(session))
    assert (engine.new(), engine.gone) == ([], set())


def test_the_secret_recipients_of_a_sent_email_are_kept(box: Box) -> None:
    raw = mails.small(1).replace(b"To: anna@acme.test\r\n", b"To: eva@x.test\r\nBcc: Bo <bo@x.test>\r\n")
    box.server.deliver(box.address, raw, "sentitems")
    with box.open() as session:
        folder = next(folder for folder in session.folders() if folder.role is Role.SENT)
        engine = Engine()
        engine.refresh(session, folder)
    ((_, content),) = engine.held.items()
    assert b"bo@x.test" in content.raw.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("quirks", [{"empty_pages": True}, {"replay": 50}, {"removed_reason": "changed"}], ids=str)
def test_a_delta_with_its_oddities_shows_everything_once(box: Box, quirks: dict[str, object]) -> None:
    box.deliver(5)
    box.server.quirks(box.address, **quirks)
    with box.open() as session:
        engine = box.held(session)
        first = min(engine.held)
        box.server.move(box.address, first, "archive")
        box.server.deliver(box.address, mails.small(77))
        engine.refresh(session, inbox(session))
        assert engine.gone == {first}
        engine.refresh(session, inbox(session))
    assert set(engine.fetched.values()) == {1}
    assert len(engine.held) == 6


def test_a_link_that_dies_in_the_middle_of_the_first_round_begins_it_again(box: Box) -> None:
    box.deliver(4)
    box.server.quirks(box.address, empty_pages=True)
    box.server.fault("skiptoken", status=410, code="SyncStateNotFound")
    with box.open() as session:
        engine = box.held(session)
    assert len(engine.held) == 4
    assert set(engine.fetched.values()) == {1}
    assert engine.cursor


def test_folders_in_another_language_have_their_roles(microsoft: MicrosoftServer) -> None:
    microsoft.add_account("elin@acme.test", language="sv")
    box = Box(microsoft, "elin@acme.test", Tokens(microsoft, "elin@acme.test"))
    microsoft.deliver(box.address, mails.small(1), "Kunder/Acme")
    with box.open() as session:
        folders = session.folders()
    names = {folder.role: folder.name for folder in folders if folder.role is not Role.OTHER}
    assert names == {Role.INBOX: "Inkorg", Role.SENT: "Skickat"}
    assert "Kunder/Acme" in [folder.name for folder in folders]
