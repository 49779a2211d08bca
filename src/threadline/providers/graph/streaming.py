"""A message or an attachment in chunks, as it comes."""

from __future__ import annotations

from collections.abc import Iterator

from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, MessageUnreadable, ProviderError
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client
from threadline.providers.graph.fetching import WHOLE, check, mime_url, of_one
from threadline.providers.graph.wire import Ask
from threadline.providers.mime.extract import extract_part

SECONDS = 1800.0  # for an attachment as large as they come, over a slow line


def raw(client: Client, generation: str, remote_id: str) -> Iterator[bytes]:
    """The message as MIME, which Exchange makes anew each time: two of them need not be the same bytes."""
    check(generation)
    yield from _streamed(client, mime_url(client, remote_id))


def part(client: Client, generation: str, remote_id: str, part_name: str) -> Iterator[bytes]:
    """The decoded content of a part: by an attachment's id, or by its number in a message that is small."""
    check(generation)
    if parse.is_attachment(part_name):
        path = f"messages/{client.key(remote_id)}"
        try:
            yield from _streamed(client, client.url(f"{path}/attachments/{client.key(part_name)}/$value"))
        except MessageGone as error:
            client.get(path, select="id")  # that the message itself is gone is said as such
            raise MessageUnreadable("This email has no such attachment any more.", answer=error.answer) from error
        return
    answer = client.ask(Ask(mime_url(client, remote_id), most=4 * WHOLE, cut=True))
    content = None if answer.cut else _extracted(answer.body, part_name)
    if content is None:
        raise MessageUnreadable("This email has no such part.")
    yield content


def _extracted(message: bytes, number: str) -> bytes | None:
    try:
        return extract_part(message, number)
    except KeyError:
        return None


def _streamed(client: Client, url: str) -> Iterator[bytes]:
    try:
        yield from client.stream(Ask(url, cut=True, seconds=SECONDS))
    except ProviderError as error:
        # A link to a file in the cloud is listed as an attachment, and has no content (405).
        raise of_one(error) if error.cause is Cause.UNKNOWN else error from error
