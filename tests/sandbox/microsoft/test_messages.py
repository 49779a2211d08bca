"""Folders, messages, MIME, attachments and ids, as the client relies on them."""

from __future__ import annotations

import base64

import pytest

from tests.sandbox.microsoft.conftest import Make, Someone, letter
from tests.sandbox.microsoft.mails import CALENDAR, WITH_ATTACHMENTS
from tests.servers.microsoft import MicrosoftServer

DENIED = "ErrorAccessDenied"


# Folders


def test_a_folder_is_found_by_its_well_known_name_whatever_it_is_called(make: Make) -> None:
    elin = make(language="de")
    found = [elin.get(f"/mailFolders/{name}").json()["displayName"] for name in ("inbox", "sentitems", "SentItems")]
    assert found == ["Posteingang", "Gesendete Elemente", "Gesendete Elemente"]


def test_hidden_folders_are_listed_only_when_asked_for(elin: Someone) -> None:
    def names(**query: str) -> list[str]:
        return [one["displayName"] for one in elin.get("/mailFolders", **{"$top": "50"}, **query).json()["value"]]

    assert "Clutter" not in names()
    assert "Clutter" in names(includeHiddenFolders="true")


def test_folders_come_in_pages_of_ten(server: MicrosoftServer, elin: Someone) -> None:
    for number in range(5):
        server.make_folder(elin.address, f"Client {number}")
    page = elin.get("/mailFolders").json()
    assert len(page["value"]) == 10
    assert len(elin.get(page["@odata.nextLink"]).json()["value"]) == 3


def test_a_folder_keeps_its_id_under_another_name(server: MicrosoftServer, elin: Someone) -> None:
    made = server.make_folder(elin.address, "Clients/Acme")
    server.rename_folder(elin.address, "Clients/Acme", "Acme AB")
    assert elin.get(f"/mailFolders/{made['id']}").json()["displayName"] == "Acme AB"


# Listing


def test_a_page_has_ten_messages_and_at_most_a_thousand(elin: Someone) -> None:
    elin.deliver(*range(12))
    assert len(elin.get("/mailFolders/inbox/messages").json()["value"]) == 10
    assert len(elin.get("/mailFolders/inbox/messages", **{"$top": "1000"}).json()["value"]) == 12
    assert elin.get("/mailFolders/inbox/messages", **{"$top": "1001"}).status_code == 400


def test_messages_are_filtered(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(*range(5))
    elin.deliver(7, folder="archive")
    server.mark_read(elin.address, server.messages(elin.address)[0]["id"])

    def subjects(condition: str) -> list[str]:
        answer = elin.get("/messages", **{"$filter": condition})
        assert answer.status_code == 200, answer.text
        return [one["subject"] for one in answer.json()["value"]]

    assert subjects("receivedDateTime ge 2026-03-02T09:03:00Z") == ["Letter 7", "Letter 4", "Letter 3"]
    assert subjects("internetMessageId eq '<letter-2@posten.example>'") == ["Letter 2"]
    assert subjects("from/emailAddress/address eq 'Anna.Berg@posten.example' and isRead eq true") == ["Letter 4"]
    assert subjects("startswith(subject,'Letter 3') or (subject eq 'Letter 0')") == ["Letter 3", "Letter 0"]
    assert subjects("not (isRead eq false)") == ["Letter 4"]


def test_messages_are_searched_for_in_the_whole_mailbox(server: MicrosoftServer, elin: Someone) -> None:
    elin.deliver(1, 2)
    server.deliver(elin.address, WITH_ATTACHMENTS, "Clients/Acme")

    def found(text: str) -> list[str]:
        return [one["subject"] for one in elin.get("/messages", **{"$search": text}).json()["value"]]

    assert found('"participants:mark@northgate.example"') == ["My CV and a grüß"]
    assert found('"from:anna subject:letter"') == ["Letter 2", "Letter 1"]
    assert found('"cc:mark"') == ["My CV and a grüß"]
    assert found('"nosuchword"') == []


def test_filter_and_order_must_name_the_same_first(elin: Someone) -> None:
    elin.deliver(1)
    order = {"$orderby": "receivedDateTime desc"}
    right = {"$filter": "receivedDateTime ge 2020-01-01T00:00:00Z and isRead eq false"}
    assert elin.get("/messages", **order, **right).status_code == 200
    wrong = elin.get("/messages", **order, **{"$filter": "isRead eq false"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "InefficientFilter")


# Messages


def test_headers_come_only_when_selected(elin: Someone) -> None:
    known = elin.deliver(1)[0]
    plain = elin.get(f"/messages/{known['immutable_id']}").json()
    assert "internetMessageHeaders" not in plain
    chosen = elin.get(f"/messages/{known['immutable_id']}", **{"$select": "internetMessageHeaders"}).json()
    named = {one["name"]: one["value"] for one in chosen["internetMessageHeaders"]}
    assert named["Message-ID"] == "<letter-1@posten.example>"
    assert "subject" not in chosen


def test_the_senders_copy_has_no_headers_but_has_bcc(server: MicrosoftServer, elin: Someone) -> None:
    raw = letter(1).replace(b"Subject:", b"Bcc: hidden@posten.example\r\nSubject:")
    known = server.deliver(elin.address, raw, "sentitems")
    answer = elin.get(
        f"/messages/{known['immutable_id']}", **{"$select": "internetMessageHeaders,bccRecipients"}
    ).json()
    assert "internetMessageHeaders" not in answer
    assert answer["bccRecipients"][0]["emailAddress"]["address"] == "hidden@posten.example"
    assert b"Bcc: hidden@posten.example" in elin.get(f"/messages/{known['immutable_id']}/$value").content


def test_the_body_is_html_unless_text_is_preferred(server: MicrosoftServer, elin: Someone) -> None:
    known = server.deliver(elin.address, WITH_ATTACHMENTS)["immutable_id"]
    assert elin.get(f"/messages/{known}").json()["body"]["contentType"] == "html"
    body = elin.get(f"/messages/{known}", prefer='outlook.body-content-type="text"').json()["body"]
    assert body["contentType"] == "text"
    assert "Here it is." in body["content"]


def test_inline_pictures_alone_are_no_attachments(server: MicrosoftServer, elin: Someone) -> None:
    raw = WITH_ATTACHMENTS.replace(b"Content-Disposition: attachment; filename*=UTF-8''cv%20Anna.pdf",
                                   b"Content-ID: <pdf@x>\nContent-Disposition: inline; filename=cv.pdf")  # fmt: skip
    head, _, tail = raw.partition(b"--outer\nContent-Type: message/rfc822")
    raw = head + b"--outer" + tail.partition(b"--outer")[2]
    known = server.deliver(elin.address, raw)["immutable_id"]
    assert elin.get(f"/messages/{known}").json()["hasAttachments"] is False
    assert all(one["isInline"] for one in elin.get(f"/messages/{known}/attachments").json()["value"])


def test_from_is_whose_mailbox_it_was_and_sender_who_used_it(server: MicrosoftServer, elin: Someone) -> None:
    raw = letter(1).replace(b"To:", b"Sender: Bo Ek <bo@posten.example>\r\nTo:")
    found = elin.get(f"/messages/{server.deliver(elin.address, raw)['immutable_id']}").json()
    assert found["from"]["emailAddress"]["address"] == "anna.berg@posten.example"
    assert found["sender"]["emailAddress"]["address"] == "bo@posten.example"


def test_a_meeting_request_says_so(server: MicrosoftServer, elin: Someone) -> None:
    known = server.deliver(elin.address, CALENDAR)["immutable_id"]
    found = elin.get(f"/messages/{known}").json()
    assert found["@odata.type"] == "#microsoft.graph.eventMessageRequest"
    assert found["meetingMessageType"] == "meetingRequest"


def test_mime_is_rebuilt_so_its_bytes_need_not_be_the_same(server: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]["immutable_id"]
    assert elin.get(f"/messages/{known}/$value").content == letter(1)
    server.quirks(elin.address, rebuild_mime=True)
    one, two = (elin.get(f"/messages/{known}/$value").content for _ in range(2))
    assert one != two
    assert one.endswith(letter(1))


# Attachments


def test_attachments_of_each_kind(server: MicrosoftServer, elin: Someone) -> None:
    links = [{"name": "Shared plan", "url": "https://files.example/plan"}]
    key = server.deliver(elin.address, WITH_ATTACHMENTS, reference_attachments=links)["immutable_id"]
    listed = elin.get(f"/messages/{key}/attachments").json()["value"]
    kinds = [one["@odata.type"].rpartition(".")[2] for one in listed]
    assert kinds == ["fileAttachment", "itemAttachment", "fileAttachment", "referenceAttachment"]
    image, item, file, reference = listed
    assert base64.b64decode(file["contentBytes"]) == b"%PDF-1.4\n"
    at = f"/messages/{key}/attachments"
    assert elin.get(f"{at}/{image['id']}/$value").content.startswith(b"\x89PNG")
    assert b"Subject: The reference" in elin.get(f"{at}/{item['id']}/$value").content
    assert elin.get(f"{at}/{reference['id']}/$value").status_code == 405
    expanded = elin.get(f"{at}/{item['id']}", **{"$expand": "microsoft.graph.itemattachment/item"}).json()
    assert expanded["item"]["subject"] == "The reference"


def test_attachments_can_be_listed_without_their_content(server: MicrosoftServer, elin: Someone) -> None:
    key = server.deliver(elin.address, WITH_ATTACHMENTS)["immutable_id"]
    listed = elin.get(f"/messages/{key}/attachments", **{"$select": "id,name,size"}).json()["value"]
    assert all("contentBytes" not in one for one in listed)
    assert [one["name"] for one in listed] == ["logo.png", "The reference", "cv Anna.pdf"]


# Ids


def test_default_ids_change_on_a_move_and_immutable_ids_do_not(server: MicrosoftServer, elin: Someone) -> None:
    known = elin.deliver(1)[0]
    moved = server.move(elin.address, known["id"], "archive")
    assert moved["immutable_id"] == known["immutable_id"]
    assert moved["id"] != known["id"]
    assert elin.get(f"/messages/{known['id']}").json()["error"]["code"] == "ErrorItemNotFound"
    assert elin.get(f"/messages/{known['immutable_id']}", prefer="").json()["id"] == moved["id"]


def test_ids_are_case_sensitive(elin: Someone) -> None:
    key = elin.deliver(1)[0]["immutable_id"]
    assert elin.get(f"/messages/{key.swapcase()}").status_code == 404


def test_ids_are_translated_at_most_a_thousand_at_once(elin: Someone) -> None:
    known = elin.deliver(1)[0]
    body = {"inputIds": [known["id"], "AAMkNoSuch"], "sourceIdType": "restId", "targetIdType": "restImmutableEntryId"}
    found = elin.post("/me/translateExchangeIds", body).json()["value"]
    assert found[0]["targetId"] == known["immutable_id"]
    assert "targetId" not in found[1]
    body["inputIds"] = ["x"] * 1001
    assert elin.post("/me/translateExchangeIds", body).status_code == 400


# Who may read


@pytest.mark.parametrize("kind", ["on_premises", "unlicensed", "soft_deleted", "guest"])
def test_there_is_no_mailbox_for_a_user_whose_mail_is_not_here(make: Make, kind: str) -> None:
    elin = make(kind=kind)
    assert elin.get("").status_code == 200
    answer = elin.get("/mailFolders/inbox/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "MailboxNotEnabledForRESTAPI")


def test_a_guest_signs_in_with_a_name_of_its_own(make: Make) -> None:
    elin = make(kind="guest")
    found = elin.get("").json()
    assert "#ext#@" in found["userPrincipalName"]
    assert found["mail"] == elin.address


def test_nobody_signs_in_to_a_shared_mailbox(server: MicrosoftServer) -> None:
    server.add_account("office@sharing.example", kind="shared")
    with pytest.raises(AssertionError, match="AADSTS50057"):
        server.sign_in("office@sharing.example", login_hint="office@sharing.example")


def test_a_delegated_token_reaches_only_its_own_mailbox(server: MicrosoftServer, make: Make) -> None:
    elin, other = make(), make()
    answer = elin.get(f"{server.graph_url}/v1.0/users/{other.oid}/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, DENIED)
    assert elin.get(f"{server.graph_url}/v1.0/users/{elin.oid}/messages").status_code == 200


def test_a_token_without_mail_read_is_refused_and_mail_readbasic_has_no_body(make: Make) -> None:
    nobody = make(scopes="openid offline_access User.Read")
    answer = nobody.get("/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, DENIED)
    basic = make(scopes="openid offline_access User.Read Mail.ReadBasic")
    key = basic.deliver(1)[0]["immutable_id"]
    found = basic.get(f"/messages/{key}").json()
    assert found["subject"] == "Letter 1"
    assert "body" not in found
    assert basic.get(f"/messages/{key}/$value").status_code == 403


def test_nothing_can_be_written(elin: Someone) -> None:
    assert elin.post("/me/messages", {"subject": "x"}).status_code == 403
    assert elin.post("/me/sendMail", {"message": {}}).status_code == 403


def test_a_token_that_is_none_is_refused(elin: Someone) -> None:
    answer = elin.get("/messages", token="rubbish")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
