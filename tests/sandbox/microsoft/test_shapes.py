"""Every kind of answer is held against the models and URL templates of the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from msgraph.generated.models.attachment import Attachment
from msgraph.generated.models.attachment_collection_response import AttachmentCollectionResponse
from msgraph.generated.models.mail_folder import MailFolder
from msgraph.generated.models.mail_folder_collection_response import MailFolderCollectionResponse
from msgraph.generated.models.message import Message
from msgraph.generated.models.message_collection_response import MessageCollectionResponse
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.models.user import User
from msgraph.generated.subscriptions.subscriptions_request_builder import SubscriptionsRequestBuilder
from msgraph.generated.users.item.mail_folders.delta.delta_get_response import (
    DeltaGetResponse as FolderDeltaGetResponse,
)
from msgraph.generated.users.item.mail_folders.delta.delta_request_builder import (
    DeltaRequestBuilder as FolderDeltaRequestBuilder,
)
from msgraph.generated.users.item.mail_folders.item.child_folders.child_folders_request_builder import (
    ChildFoldersRequestBuilder,
)
from msgraph.generated.users.item.mail_folders.item.mail_folder_item_request_builder import MailFolderItemRequestBuilder
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_get_response import DeltaGetResponse
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import (
    MessagesRequestBuilder as FolderMessagesRequestBuilder,
)
from msgraph.generated.users.item.mail_folders.mail_folders_request_builder import MailFoldersRequestBuilder
from msgraph.generated.users.item.messages.item.attachments.attachments_request_builder import AttachmentsRequestBuilder
from msgraph.generated.users.item.messages.item.attachments.item.attachment_item_request_builder import (
    AttachmentItemRequestBuilder,
)
from msgraph.generated.users.item.messages.item.message_item_request_builder import MessageItemRequestBuilder
from msgraph.generated.users.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.translate_exchange_ids.translate_exchange_ids_post_response import (
    TranslateExchangeIdsPostResponse,
)
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder

from tests.sandbox.microsoft.conftest import BEGIN, Make, Someone
from tests.sandbox.microsoft.listener import Listener
from tests.sandbox.microsoft.mails import CALENDAR, WITH_ATTACHMENTS
from tests.sandbox.microsoft.sdk_check import fits, problems_of, template
from threadline.sandbox.demo.conversations import conversations
from threadline.sandbox.demo.odd import odd
from threadline.sandbox.demo.people import characters

pytestmark = pytest.mark.xdist_group("shapes")  # what they share is made once

SELECT = "id,subject,from,toRecipients,receivedDateTime,internetMessageId,internetMessageHeaders,uniqueBody,body"


@pytest.fixture(scope="module")
def writer(server: Any) -> Someone:
    """A mailbox with a bit of everything."""
    address = "writer@shapes.example"
    known = server.add_account(address, name="Elin Sandberg")
    someone = Someone(server, address, server.tokens(address), known["oid"], known["tid"])
    someone.deliver(*range(12))
    server.deliver(address, WITH_ATTACHMENTS, at=BEGIN + timedelta(hours=1),
                   reference_attachments=[{"name": "Shared plan", "url": "https://files.example/plan"}])  # fmt: skip
    server.deliver(address, CALENDAR, at=BEGIN + timedelta(hours=2))
    server.make_folder(address, "Clients/Acme")
    return someone


@dataclass(frozen=True)
class Kind:
    """A kind of request: how it is asked, whose template it has, and what the model of its answer is."""

    path: str
    builder: type
    model: Any
    query: tuple[tuple[str, str], ...] = ()


def kinds(message: str, attachment: str) -> list[Kind]:
    newest = (("$top", "3"), ("$orderby", "receivedDateTime desc"))
    return [
        Kind("", UserItemRequestBuilder, User),
        Kind("", UserItemRequestBuilder, User, (("$select", "id,mail,userPrincipalName,displayName"),)),
        Kind("/mailFolders", MailFoldersRequestBuilder, MailFolderCollectionResponse),
        Kind("/mailFolders", MailFoldersRequestBuilder, MailFolderCollectionResponse,
             (("includeHiddenFolders", "true"), ("$top", "4"), ("$count", "true"))),
        Kind("/mailFolders/delta()", FolderDeltaRequestBuilder, FolderDeltaGetResponse),
        Kind("/mailFolders/inbox", MailFolderItemRequestBuilder, MailFolder),
        Kind("/mailFolders/msgfolderroot/childFolders", ChildFoldersRequestBuilder, MailFolderCollectionResponse),
        Kind("/mailFolders/inbox/messages", FolderMessagesRequestBuilder, MessageCollectionResponse, newest),
        Kind("/mailFolders/inbox/messages", FolderMessagesRequestBuilder, MessageCollectionResponse,
             (("$select", SELECT), ("$count", "true"))),
        Kind("/mailFolders/inbox/messages/delta()", DeltaRequestBuilder, DeltaGetResponse),
        Kind("/mailFolders/inbox/messages/delta()", DeltaRequestBuilder, DeltaGetResponse,
             (("$select", "subject,internetMessageHeaders,from"),)),
        Kind("/messages", MessagesRequestBuilder, MessageCollectionResponse, (("$search", '"from:anna"'),)),
        Kind("/messages", MessagesRequestBuilder, MessageCollectionResponse,
             (("$filter", "internetMessageId eq '<letter-3@posten.example>'"),)),
        Kind(f"/messages/{message}", MessageItemRequestBuilder, Message),
        Kind(f"/messages/{message}", MessageItemRequestBuilder, Message, (("$select", SELECT),)),
        Kind(f"/messages/{message}", MessageItemRequestBuilder, Message, (("$expand", "attachments"),)),
        Kind(f"/messages/{message}/attachments", AttachmentsRequestBuilder, AttachmentCollectionResponse),
        Kind(f"/messages/{message}/attachments", AttachmentsRequestBuilder, AttachmentCollectionResponse,
             (("$select", "id,name,size,isInline,contentType"),)),
        Kind(f"/messages/{message}/attachments/{attachment}", AttachmentItemRequestBuilder, Attachment,
             (("$expand", "microsoft.graph.itemattachment/item"),)),
    ]  # fmt: skip


def test_every_answer_is_of_the_sdks_models_and_every_address_of_its_templates(writer: Someone) -> None:
    message = writer.server.messages(writer.address)[1]["immutable_id"]
    attachment = writer.get(f"/messages/{message}/attachments").json()["value"][0]["id"]
    asked = kinds(message, attachment)
    for kind in asked:
        names = {name for name, _ in kind.query}
        assert fits(template(kind.builder), f"/users/me{kind.path}", names), kind
        answer = writer.get(kind.path, **dict(kind.query))
        assert answer.status_code == 200, (kind, answer.text)
        assert problems_of(answer.json(), kind.model) == [], kind
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["request-id"]
        assert answer.headers["client-request-id"]
    assert len(asked) == 19


def test_a_field_the_sdk_does_not_know_is_found() -> None:
    told = {"value": [{"id": "1", "subjekt": "x", "isRead": "yes", "from": {"emailAddress": {"adress": "a"}}}]}
    found = problems_of(told, MessageCollectionResponse)
    assert len(found) == 3
    assert "Message knows no field subjekt" in found[0]
    assert "'yes' is no truth value" in found[1]
    assert "EmailAddress knows no field adress" in found[2]


def test_the_links_of_pages_lead_to_answers_of_the_same_kind(writer: Someone) -> None:
    for path, model in (
        ("/mailFolders/inbox/messages?$top=5&$select=subject", MessageCollectionResponse),
        ("/mailFolders?$top=3", MailFolderCollectionResponse),
        ("/mailFolders/inbox/messages/delta", DeltaGetResponse),
    ):
        seen = 0
        link = path
        while link:
            page = writer.get(link).json()
            assert problems_of(page, model) == []
            seen += len(page["value"])
            link = page.get("@odata.nextLink", "")
            assert not link or link.startswith(f"{writer.server.graph_url}/v1.0/me/")
        assert seen >= 8


def test_what_was_removed_is_of_the_sdks_models(make: Make) -> None:
    elin = make()
    elin.deliver(1, 2)
    link = elin.pages()[-1]["@odata.deltaLink"]
    first, second = elin.server.messages(elin.address)
    elin.server.delete(elin.address, first["id"])
    elin.server.move(elin.address, second["id"], "archive")
    page = elin.pages(link)[-1]
    assert [one["@removed"] for one in page["value"]] == [{"reason": "deleted"}] * 2
    assert problems_of(page, DeltaGetResponse) == []


ERRORS = [
    ("/messages/AAMkNoSuchMessage", {}, 404, "ErrorItemNotFound"),
    ("/mailFolders/nosuchfolder/messages", {}, 404, "ErrorItemNotFound"),
    ("/mailFolders/nosuchfolder/messages/delta", {}, 404, "ErrorSyncFolderNotFound"),
    ("/mailFolders/inbox/messages", {"$top": "1001"}, 400, "BadRequest"),
    ("/mailFolders/inbox/messages", {"$filter": "nosuch eq 1"}, 400, "BadRequest"),
    ("/mailFolders/inbox/messages", {"$filter": "isRead eq true", "$orderby": "subject"}, 400, "InefficientFilter"),
    ("/mailFolders/inbox/messages", {"$search": '"x"', "$filter": "isRead eq true"}, 400, "SearchWithFilter"),
    ("/mailFolders/inbox/messages/delta", {"$search": '"x"'}, 400, "BadRequest"),
    ("/mailFolders/inbox/messages/delta", {"$deltatoken": "rubbish"}, 400, "SyncStateInvalid"),
    ("/nosuchthing", {}, 400, "BadRequest"),
]


@pytest.mark.parametrize(("path", "query", "status", "code"), ERRORS)
def test_an_error_is_of_the_sdks_models(
    writer: Someone, path: str, query: dict[str, str], status: int, code: str
) -> None:
    answer = writer.get(path, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert problems_of(answer.json(), ODataError) == []


def test_translated_ids_and_a_subscription_are_of_the_sdks_models(writer: Someone) -> None:
    known = writer.server.messages(writer.address)[0]
    body = {"inputIds": [known["id"]], "sourceIdType": "restId", "targetIdType": "restImmutableEntryId"}
    answer = writer.post("/me/translateExchangeIds", body).json()
    assert problems_of(answer, TranslateExchangeIdsPostResponse) == []
    assert answer["value"] == [{"sourceId": known["id"], "targetId": known["immutable_id"]}]
    with Listener() as listener:
        asked = {
            "changeType": "created", "notificationUrl": listener.url, "resource": "me/mailFolders('inbox')/messages",
            "expirationDateTime": (datetime.now(UTC) + timedelta(days=2)).isoformat(), "clientState": "s",
        }  # fmt: skip
        assert fits(template(SubscriptionsRequestBuilder), "/subscriptions", set())
        made = writer.post("/subscriptions", asked)
        assert made.status_code == 201, made.text
        assert problems_of(made.json(), Subscription) == []


def test_the_demos_mail_is_of_the_sdks_models(make: Make) -> None:
    """Conversations of the demo, and its broken and enormous emails, as JSON and as MIME."""
    elin = make()
    now = datetime.now(UTC)
    people = [one for one in characters() if one.scripts][::9]
    raws = [mail.raw for mail in (*islice(conversations(tuple(people), now), 30), *odd(now))]
    for number, raw in enumerate(raws):
        elin.server.deliver(elin.address, raw, at=BEGIN + timedelta(minutes=number))
    link = "/mailFolders/inbox/messages?$top=50&$expand=attachments"
    seen = 0
    for page in _pages(elin, link):
        assert problems_of(page, MessageCollectionResponse) == []
        seen += len(page["value"])
    assert seen == len(raws)
    newest = elin.server.messages(elin.address)[0]["immutable_id"]
    assert elin.get(f"/messages/{newest}/$value").content == raws[-1].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _pages(someone: Someone, link: str) -> Iterator[dict[str, Any]]:
    while link:
        answer: httpx.Response = someone.get(link)
        assert answer.status_code == 200, unquote(link)
        yield answer.json()
        link = answer.json().get("@odata.nextLink", "")
