"""The official msgraph-sdk works against the sandbox as it works against the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.item_attachment import ItemAttachment
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory

from tests.sandbox.microsoft.conftest import BEGIN, Someone
from tests.sandbox.microsoft.mails import WITH_ATTACHMENTS


class Bearer(AuthenticationProvider):
    """The token, on every request."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def authenticate_request(
        self, request: RequestInformation, additional_authentication_context: dict[str, Any] | None = None
    ) -> None:
        request.headers.add("Authorization", f"Bearer {self._token}")


def with_sdk(someone: Someone, work: Callable[[GraphServiceClient], Awaitable[Any]]) -> Any:
    """Run something with the SDK's client."""

    async def run() -> Any:
        # The SDK's middleware wraps the transport and does not close it.
        async with (
            httpx.AsyncHTTPTransport() as transport,
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=60) as plain,
        ):
            client = GraphClientFactory.create_with_default_middleware(options=options, client=plain)
            adapter = GraphRequestAdapter(Bearer(someone.tokens["access_token"]), client)
            adapter.base_url = f"{someone.server.graph_url}/v1.0"
            return await work(GraphServiceClient(request_adapter=adapter))

    return asyncio.run(run())


def immutable(parameters: Any = None) -> Any:
    configuration = RequestConfiguration(query_parameters=parameters)
    configuration.headers.add("Prefer", 'IdType="ImmutableId"')
    return configuration


def test_it_lists_every_page_newest_first(elin: Someone) -> None:
    elin.deliver(*range(23))

    async def work(graph: GraphServiceClient) -> list[Message]:
        wanted = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
            top=10, orderby=["receivedDateTime desc"], select=["subject", "receivedDateTime"]
        )
        messages = graph.me.mail_folders.by_mail_folder_id("inbox").messages
        page = await messages.get(immutable(wanted))
        found = []
        while page:
            found += page.value or []
            page = await messages.with_url(page.odata_next_link).get(immutable()) if page.odata_next_link else None
        return found

    found = with_sdk(elin, work)
    assert [one.subject for one in found] == [f"Letter {n}" for n in reversed(range(23))]
    assert found[0].received_date_time.minute == 22


def test_it_walks_the_delta_feed_to_its_end_and_then_hears_of_changes(elin: Someone) -> None:
    elin.deliver(*range(12))

    async def round_of(graph: GraphServiceClient, link: str | None) -> tuple[dict[str, Message], str]:
        feed: DeltaRequestBuilder = graph.me.mail_folders.by_mail_folder_id("inbox").messages.delta
        page = await (feed.with_url(link).get(immutable()) if link else feed.get(immutable()))
        found: dict[str, Message] = {}
        while page:
            found |= {str(one.id): one for one in page.value or []}
            if page.odata_delta_link:
                return found, page.odata_delta_link
            page = await feed.with_url(str(page.odata_next_link)).get(immutable())
        raise AssertionError("the round has no end")

    first, link = with_sdk(elin, lambda graph: round_of(graph, None))
    assert len(first) == 12
    gone = elin.server.messages(elin.address)[0]
    elin.server.delete(elin.address, gone["id"])
    elin.deliver(50)
    second, _ = with_sdk(elin, lambda graph: round_of(graph, link))
    assert {one.subject for one in second.values() if one.subject} == {"Letter 50"}
    assert second[gone["immutable_id"]].additional_data["@removed"] == {"reason": "deleted"}


def test_it_gets_a_message_its_mime_and_its_attachments(elin: Someone) -> None:
    known = elin.server.deliver(elin.address, WITH_ATTACHMENTS, at=BEGIN)

    async def work(graph: GraphServiceClient) -> tuple[Message, bytes, list[Any]]:
        message = graph.me.messages.by_message_id(known["immutable_id"])
        got = await message.get(immutable())
        listed = await message.attachments.get(immutable())
        assert got
        assert listed
        assert listed.value
        return got, await message.content.get(immutable()) or b"", listed.value

    got, mime, listed = with_sdk(elin, work)
    assert got.subject == "My CV and a grüß"
    assert got.from_.email_address.name == "Anna Bergström"
    assert got.has_attachments
    assert mime == WITH_ATTACHMENTS.replace(b"\n", b"\r\n")
    image, item, file = listed
    assert (type(image), image.is_inline, image.content_id) == (FileAttachment, True, "logo@x")
    assert type(item) is ItemAttachment
    assert (type(file), file.name, file.content_bytes) == (FileAttachment, "cv Anna.pdf", b"%PDF-1.4\n")


def test_it_finds_folders_by_their_well_known_names(elin: Someone) -> None:
    elin.server.make_folder(elin.address, "Clients/Acme")

    async def work(graph: GraphServiceClient) -> tuple[Any, Any, Any]:
        folders = graph.me.mail_folders
        inbox = await folders.by_mail_folder_id("inbox").get()
        top = await folders.get()
        clients = next(one for one in top.value or [] if one.display_name == "Clients") if top else None
        below = await folders.by_mail_folder_id(str(clients.id)).child_folders.get() if clients else None
        return inbox, clients, below

    inbox, clients, below = with_sdk(elin, work)
    assert (inbox.display_name, inbox.is_hidden) == ("Inbox", False)
    assert clients.child_folder_count == 1
    assert [one.display_name for one in below.value] == ["Acme"]


def test_it_reads_an_error_as_one(elin: Someone) -> None:
    async def work(graph: GraphServiceClient) -> None:
        await graph.me.messages.by_message_id("AAMkNoSuch").get()

    with pytest.raises(ODataError) as problem:
        with_sdk(elin, work)
    assert problem.value.error
    assert problem.value.error.code == "ErrorItemNotFound"
    assert problem.value.response_status_code == 404
