"""Looking for messages by id, and anywhere in the account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from threadline.domain.errors import ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import Besides, Found, Query, RemoteFolder, RemoteItem
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client
from threadline.providers.graph.fetching import check, of_one
from threadline.providers.graph.listing import GENERATION
from threadline.providers.graph.wire import Json
from threadline.providers.querying import matches

_PAGE = 100
_MOST = 2_000  # looked at for one search: a person waits
_DAY = timedelta(days=1)


def headers(
    client: Client, folder: RemoteFolder, generation: str, remote_ids: Sequence[str]
) -> Iterator[tuple[RemoteItem, bytes]]:
    """Header blocks of those that are in this folder; an id finds its message in whatever folder it is."""
    check(generation)
    for entry in _by_id(client, remote_ids, parse.HEADED):
        if entry.get("parentFolderId") == folder.remote_name:
            yield parse.item(entry, sent=folder.role is Role.SENT), parse.header_block(entry)


def places(client: Client, remote_ids: Sequence[str]) -> dict[str, str]:
    """The folder that each message is in now; one that does not exist any more is left out."""
    return {str(entry["id"]): str(entry["parentFolderId"]) for entry in _by_id(client, remote_ids, parse.PLACED)}


def _by_id(client: Client, remote_ids: Sequence[str], fields: str) -> Iterator[Json]:
    wanted = list(dict.fromkeys(remote_ids))
    answers = client.batch([f"messages/{client.key(key)}?$select={fields}" for key in wanted])
    for key, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, ProviderError):
            of_one(answer)  # not there, or not an id
        else:
            yield {**answer, "id": key}


def find(
    client: Client, query: Query, folders: Sequence[RemoteFolder], besides: Besides | None = None
) -> Iterator[Found]:
    """Every message that matches in these folders. Graph narrows, the headers decide."""
    by_id = {folder.remote_name: folder for folder in folders if folder.selectable}
    known = {name: besides(folder, GENERATION) for name, folder in by_id.items()} if besides else {}
    seen: set[str] = set()
    for looked_at, entry in enumerate(_candidates(client, query), start=1):
        folder = by_id.get(str(entry.get("parentFolderId", "")))
        key = str(entry["id"])
        if folder is not None and key not in seen and key not in known.get(folder.remote_name, ()):
            seen.add(key)
            item = parse.item(entry, sent=folder.role is Role.SENT)
            block = parse.header_block(entry)
            if matches(query, item, block):
                yield Found(folder, GENERATION, item, block, "")
        if looked_at >= _MOST:
            return


def _candidates(client: Client, query: Query) -> Iterator[Json]:
    for options in _narrowed(query):
        url = client.url("messages", select=parse.HEADED, top=str(_PAGE), **options)
        for page in client.pages(url, page=_PAGE):
            yield from (dict(entry) for entry in parse.values(page))


def _narrowed(query: Query) -> list[dict[str, str]]:
    """The options of the requests. A search cannot be filtered too, so its days are left to the headers."""
    if query.message_id:
        quoted = f"<{query.message_id.strip().strip('<>')}>".replace("'", "''")
        return [{"filter": f"internetMessageId eq '{quoted}'"}]
    words = []
    if query.correspondent:
        words.append(f"participants:{_searched(query.correspondent)}")
    if query.subject:
        words.append(f"subject:{_searched(query.subject)}")
    if words:
        return [{"search": '"' + " AND ".join(words) + '"'}]
    return [_within("receivedDateTime", query), _within("sentDateTime", query)]


def _within(field: str, query: Query) -> dict[str, str]:
    bounds = []
    if query.since:
        bounds.append(f"{field} ge {_stamp(query.since - _DAY)}")
    if query.until:
        bounds.append(f"{field} le {_stamp(query.until + _DAY)}")
    if not bounds:
        return {"orderby": f"{field} desc"}
    return {"filter": " and ".join(bounds), "orderby": f"{field} desc"}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _searched(text: str) -> str:
    """A phrase of KQL, within the quotes that `$search` has."""
    return '\\"' + " ".join(text.replace("\\", " ").replace('"', " ").split()) + '\\"'
