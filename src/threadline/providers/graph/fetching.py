"""Fetching messages: small ones whole as MIME, large ones without their attachments.

Graph tells no size before a message is read. So each is read as MIME up to 256 kB; one that is longer is left there,
and its text and the list of its attachments are asked for instead. MIME keeps what the sender wrote, the threading
headers and both texts, at the same price: Outlook counts a request for each message, in a batch or not (see the
decision record on MIME and JSON).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from threadline.domain.errors import CursorLost, MessageGone, MessageUnreadable, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client
from threadline.providers.graph.listing import GENERATION
from threadline.providers.graph.wire import IN_BATCH, Ask, Json

WHOLE = 256 * 1024
PART_CAP = 2**20
_ATTACHMENTS_PAGE = 100


def check(generation: str) -> None:
    """Raises CursorLost for ids of another numbering: Graph has only one."""
    if generation != GENERATION:
        raise CursorLost


def fetch(
    client: Client, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> Iterator[Content | FetchFailure]:
    """The answers of `Session.fetch`."""
    check(generation)
    for start in range(0, len(items), IN_BATCH):
        yield from _some(client, folder, items[start : start + IN_BATCH])


def _some(client: Client, folder: RemoteFolder, items: Sequence[RemoteItem]) -> Iterator[Content | FetchFailure]:
    blind = _blind(client, items) if folder.role is Role.SENT else {}
    asks = [Ask(mime_url(client, item.remote_id), most=WHOLE, cut=True) for item in items]
    for item, answer in zip(items, client.many(asks), strict=True):
        if isinstance(answer, ProviderError):
            yield FetchFailure(item, of_one(answer))
        elif answer.cut:
            yield _in_parts(client, item, answer.body, blind.get(item.remote_id))
        else:
            raw = parse.with_bcc(answer.body, blind.get(item.remote_id))
            yield Content(replace(item, size=len(raw)), raw)


def mime_url(client: Client, remote_id: str) -> str:
    return client.url(f"messages/{client.key(remote_id)}/$value")


def of_one(error: ProviderError) -> MessageGone | MessageUnreadable:
    """What is wrong with one message, where that is all that is wrong."""
    if isinstance(error, MessageGone | MessageUnreadable):
        return error
    return MessageUnreadable("Microsoft 365 does not hand out this email.", answer=error.answer)


def _blind(client: Client, items: Sequence[RemoteItem]) -> dict[str, object]:
    """Who was written to in secret: only the sender's own copy knows, and not always in its MIME."""
    answers = client.batch([f"messages/{client.key(item.remote_id)}?$select=id,bccRecipients" for item in items])
    return {
        item.remote_id: answer.get("bccRecipients")
        for item, answer in zip(items, answers, strict=True)
        if not isinstance(answer, ProviderError)
    }


def _in_parts(client: Client, item: RemoteItem, beginning: bytes, blind: object) -> Content | FetchFailure:
    """A large message: its header block, its text, and what is attached without its content."""
    path = f"messages/{client.key(item.remote_id)}"
    try:
        body = client.get(path, select=parse.BODIED)
        listed = client.url(f"{path}/attachments", select=parse.ATTACHED)
        attached = [one for page in client.pages(listed, page=_ATTACHMENTS_PAGE) for one in parse.values(page)]
        head = parse.head_of(beginning) or _made_head(client, path)
    except ProviderError as error:
        if not isinstance(error, MessageGone):
            raise
        return FetchFailure(item, error)
    texts = parse.text_parts(body, cap=PART_CAP)
    structure = parse.attachments(attached)
    size = len(beginning) + sum(one.size for one in structure)
    return Content(
        replace(item, size=size),
        parse.with_bcc(head, blind),
        whole=False,
        parts=texts,
        structure=structure,
    )


def _made_head(client: Client, path: str) -> bytes:
    """Of a message whose header block alone is too large to be read."""
    entry: Json = client.get(path, select=parse.HEADED)
    return parse.header_block(entry)
