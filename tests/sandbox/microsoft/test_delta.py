"""The delta feed of a folder's messages: each test is a sentence of what the service is known to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.microsoft.conftest import BEGIN, Make, Someone, letter
from tests.servers.microsoft import MicrosoftServer
from threadline.sandbox.microsoft import Microsoft, delta
from threadline.sandbox.microsoft.representation import Wanted

FEED = "/mailFolders/inbox/messages/delta"


def items(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for page in pages for one in page["value"]]


def link_of(pages: list[dict[str, Any]]) -> str:
    return str(pages[-1]["@odata.deltaLink"])


def test_a_round_holds_every_message_and_ends_with_a_delta_link(elin: Someone) -> None:
    elin.deliver(*range(23))
    pages = elin.pages(size=5)
    assert len(pages) >= 5
    assert all("@odata.nextLink" in page for page in pages[:-1])
    assert {one["subject"] for one in items(pages)} == {f"Letter {n}" for n in range(23)}
    assert "value" in pages[-1]
    assert "@odata.nextLink" not in pages[-1]


def test_top_is_ignored_and_the_preference_is_not(elin: Someone) -> None:
    elin.deliver(*range(15))
    assert len(elin.get(FEED, **{"$top": "15"}).json()["value"]) == 10
    answer = elin.get(FEED, prefer='IdType="ImmutableId", odata.maxpagesize=12')
    assert len(answer.json()["value"]) == 12
    assert "odata.maxpagesize=12" in answer.headers["preference-applied"]


def test_both_spellings_of_the_address_are_served_and_links_have_the_one_with_brackets(elin: Someone) -> None:
    elin.deliver(1)
    for path in (FEED, FEED + "()", "/mailFolders('inbox')/messages/microsoft.graph.delta()"):
        answer = elin.get(path).json()
        assert len(answer["value"]) == 1
        assert "/me/mailFolders('" in answer["@odata.deltaLink"]


def test_the_parameters_of_the_first_call_are_baked_into_the_tokens(elin: Someone) -> None:
    elin.deliver(*range(11))
    pages = elin.pages(f"{FEED}?$select=subject")
    elin.deliver(99)
    pages += elin.pages(link_of(pages))
    assert {tuple(sorted(one)) for one in items(pages)} == {("@odata.etag", "@odata.type", "id", "subject")}


def test_without_select_an_item_has_everything_but_the_headers(elin: Someone) -> None:
    elin.deliver(1)
    item = items(elin.pages())[0]
    assert {"body", "bodyPreview", "receivedDateTime", "parentFolderId", "conversationId"} <= set(item)
    assert not {"internetMessageHeaders", "uniqueBody"} & set(item)


def test_what_changes_during_a_round_is_in_it_and_items_occur_several_times(
    server: MicrosoftServer, elin: Someone
) -> None:
    sent = elin.deliver(*range(12))
    first = elin.get(FEED, prefer='IdType="ImmutableId", odata.maxpagesize=5').json()
    read = first["value"][0]["id"]
    server.mark_read(elin.address, read)
    server.delete(elin.address, first["value"][1]["id"])
    elin.deliver(50)
    rest = elin.pages(first["@odata.nextLink"], size=5)
    later = items(rest)
    assert [one["isRead"] for one in later if one["id"] == read] == [True]
    assert {"reason": "deleted"} in [one.get("@removed") for one in later if one["id"] == first["value"][1]["id"]]
    assert "Letter 50" in [one.get("subject") for one in later]
    assert {one["immutable_id"] for one in sent} <= {one["id"] for one in first["value"] + later}


def test_a_later_round_holds_only_what_changed(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(3))
    link = link_of(elin.pages())
    assert items(elin.pages(link)) == []
    elin.deliver(7)
    newest = server.messages(elin.address)[1]["immutable_id"]
    server.mark_read(elin.address, newest)
    pages = elin.pages(link)
    assert [one["subject"] for one in items(pages)] == ["Letter 7", "Letter 2"]
    assert items(elin.pages(link_of(pages))) == []
    assert len(items(elin.pages(link))) == 2  # a delta link can be used again


@pytest.mark.parametrize("reason", ["deleted", "changed"])
def test_a_moved_message_is_removed_here_and_new_there(server: MicrosoftServer, elin: Someone, reason: str) -> None:
    known = elin.deliver(1)[0]
    server.quirks(elin.address, removed_reason=reason)
    inbox = link_of(elin.pages())
    archive = link_of(elin.pages("/mailFolders/archive/messages/delta"))
    server.move(elin.address, known["id"], "archive")
    assert items(elin.pages(inbox)) == [
        {"@odata.type": "#microsoft.graph.message", "id": known["immutable_id"], "@removed": {"reason": reason}}
    ]
    assert [one["id"] for one in items(elin.pages(archive))] == [known["immutable_id"]]


def test_a_message_moved_away_and_back_is_removed_and_new_again(server: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]
    link = link_of(elin.pages())
    server.move(elin.address, known["id"], "archive")
    server.move(elin.address, known["immutable_id"], "inbox")
    found = items(elin.pages(link))
    assert ["@removed" in one for one in found] == [True, False]
    assert {one["id"] for one in found} == {known["immutable_id"]}


def test_a_message_moved_away_and_back_may_never_be_added_again(server: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]
    server.quirks(elin.address, forget_returns=True)
    link = link_of(elin.pages())
    server.move(elin.address, known["id"], "archive")
    server.move(elin.address, known["immutable_id"], "inbox")
    assert ["@removed" in one for one in items(elin.pages(link))] == [True]
    assert elin.get(f"/messages/{known['immutable_id']}").status_code == 200


def test_a_removal_can_be_of_a_message_that_is_still_there(server: MicrosoftServer, elin: Someone) -> None:
    moved, deleted = elin.deliver(1, 2)
    server.move(elin.address, moved["id"], "archive")
    server.delete(elin.address, deleted["id"])
    assert elin.get(f"/messages/{moved['immutable_id']}").json()["parentFolderId"] != moved["folder_id"]
    assert elin.get(f"/messages/{deleted['immutable_id']}").status_code == 404


def test_a_page_may_be_empty(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(6))
    server.quirks(elin.address, empty_pages=True)
    pages = elin.pages(size=5)
    assert [len(page["value"]) for page in pages] == [0, 5, 0, 1]


def test_changes_may_be_replayed(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(4))
    server.quirks(elin.address, replay=3)
    again = items(elin.pages(link_of(elin.pages())))
    assert [one["subject"] for one in again] == ["Letter 1", "Letter 2", "Letter 3"]


EXPIRED = [
    ("gone", 410, "SyncStateNotFound", ""),
    ("not_found", 400, "syncStateNotFound", ""),
    ("resync_required", 410, "resyncRequired", ""),
    ("invalid", 400, "ErrorSyncStateInvalid", "SyncStateInvalid"),
]


@pytest.mark.parametrize(("kind", "status", "code", "inner"), EXPIRED)
def test_a_delta_link_can_expire(
    server: MicrosoftServer, elin: Someone, kind: str, status: int, code: str, inner: str
) -> None:
    elin.deliver(1)
    link = link_of(elin.pages())
    server.expire_deltas(elin.address, kind)
    answer = elin.get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["innerError"].get("code", "") == inner
    if status == 410:
        assert answer.headers["location"].endswith("/messages/delta?$deltatoken=")
        assert len(items(elin.pages(answer.headers["location"]))) == 1
    assert items(elin.pages(link_of(elin.pages()))) == []


def test_even_a_next_link_can_die_in_the_middle_of_a_round(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(12))
    finished = link_of(elin.pages())
    link = elin.get(FEED).json()["@odata.nextLink"]
    server.expire_deltas(elin.address, "gone", only="next")
    assert elin.get(link).status_code == 410
    assert elin.get(finished).status_code == 200


def test_one_folders_links_can_expire_and_anothers_live(server: MicrosoftServer, elin: Someone) -> None:
    inbox, sent = link_of(elin.pages()), link_of(elin.pages("/mailFolders/sentitems/messages/delta"))
    server.expire_deltas(elin.address, folder="inbox")
    assert elin.get(inbox).status_code == 410
    assert elin.get(sent).status_code == 200


def test_expired_links_stay_expired_after_a_violent_end_and_others_go_on(elin: Someone) -> None:
    del elin
    with MicrosoftServer() as server:
        known = server.add_account("elin@restarted.example")
        someone = Someone(server, known["address"], server.tokens(known["address"]), known["oid"], known["tid"])
        someone.deliver(*range(3))
        dead = link_of(someone.pages())
        server.expire_deltas(known["address"])
        alive = link_of(someone.pages())
        server.kill()
        server.start()
        someone.deliver(9)
        assert someone.get(dead).status_code == 410
        assert [one["subject"] for one in items(someone.pages(alive))] == ["Letter 9"]


def test_delta_with_a_filter_is_for_received_date_and_nothing_else(elin: Someone) -> None:
    elin.deliver(*range(6))
    since = (BEGIN + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = items(elin.pages(f"{FEED}?$filter=receivedDateTime+ge+{since}"))
    assert {one["subject"] for one in found} == {"Letter 4", "Letter 5"}
    for refused in ("subject eq 'x'", "receivedDateTime lt 2026-01-01T00:00:00Z"):
        assert elin.get(FEED, **{"$filter": refused}).status_code == 400


def test_a_change_type_narrows_the_feed(server: MicrosoftServer, elin: Someone) -> None:
    first, second = elin.deliver(1, 2)
    link = link_of(elin.pages(f"{FEED}?changeType=deleted"))
    elin.deliver(3)
    server.mark_read(elin.address, first["id"])
    server.delete(elin.address, second["id"])
    assert [one["id"] for one in items(elin.pages(link))] == [second["immutable_id"]]


def test_the_links_work_with_either_form_of_id(server: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]
    link = elin.get(FEED, prefer="").json()["@odata.deltaLink"]
    server.delete(elin.address, known["id"])
    assert elin.get(link, prefer="").json()["value"][0]["id"] == known["id"]
    assert elin.get(link).json()["value"][0]["id"] == known["immutable_id"]


def test_a_deleted_folders_feed_is_gone(server: MicrosoftServer, elin: Someone) -> None:
    folder = server.make_folder(elin.address, "Clients")
    server.deliver(elin.address, letter(1), folder["id"])
    link = link_of(elin.pages(f"/mailFolders/{folder['id']}/messages/delta"))
    server.delete_folder(elin.address, "Clients")
    answer = elin.get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ErrorSyncFolderNotFound")


def test_a_feed_can_have_no_end(make: Make) -> None:
    elin = make()
    elin.server.quirks(elin.address, endless=True)
    link = FEED
    for _ in range(5):
        link = elin.get(link).json()["@odata.nextLink"]


def test_the_folders_have_a_feed_of_their_own(server: MicrosoftServer, elin: Someone) -> None:
    kept = server.make_folder(elin.address, "Clients/Acme")
    gone = server.make_folder(elin.address, "Old")
    pages = elin.pages("/mailFolders/delta", size=4)
    assert len(pages) > 2
    assert {"Inbox", "Acme", "Old"} <= {one["displayName"] for one in items(pages)}
    server.rename_folder(elin.address, "Clients/Acme", "Acme AB")
    server.delete_folder(elin.address, "Old")
    found = {one["id"]: one for one in items(elin.pages(link_of(pages), size=4))}
    assert found[kept["id"]]["displayName"] == "Acme AB"
    assert found[gone["id"]] == {"id": gone["id"], "@removed": {"reason": "deleted"}}


def test_a_filtered_round_ends_after_5000_messages(tmp_path: Path) -> None:
    service = Microsoft(tmp_path)
    mailbox = service.graph.mailbox(service.directory.create_user("elin@large.example", "secret"))
    mailbox.create()
    inbox = mailbox.folder("inbox")
    mailbox.deliver(inbox, letter(1), BEGIN)
    mailbox.db.run(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5100)"
        " insert into message select null, user, folder, immutable || i, rest || i, received + i, sent, created,"
        " modified, version, is_read, is_draft, has_attachments, internet_id, subject, from_address, sender_address,"
        " conversation, people, words, size, facts, content from message, n"
    )

    def count(query: dict[str, str]) -> int:
        place, seen, more = delta.first_place(mailbox, inbox, query, 1), 0, True
        while more:
            found, place, more = delta.page(mailbox, place, 1000, delta.Quirks(), Wanted(frozenset({"subject"})))
            seen += len(found)
        return seen

    assert count({"$filter": "receivedDateTime ge 2020-01-01T00:00:00Z"}) == 5000
    assert count({}) == 5101
    service.close()
