"""The delta feed of the folders: what was made, renamed, moved or removed since the last round."""

from __future__ import annotations

import hashlib
import json
import secrets

from threadline.sandbox.microsoft.folders import folder_json
from threadline.sandbox.microsoft.graph import Call
from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.representation import Json
from threadline.sandbox.microsoft.web import Answer, as_json

_PAGE = 10


def folders_delta(call: Call) -> Answer:
    """A page. What a reader was told is kept here, under the token it holds."""
    query = call.request.query
    token = query.get("$deltatoken") or query.get("$skiptoken")
    told = _told(call, token) if token else {}
    now: dict[str, str] = {}
    changed: list[Json] = []
    listed, counts = call.mailbox.folders(), call.mailbox.counts()
    for row in listed:
        if row["parent"] is None or row["hidden"]:
            continue
        written = folder_json(call, row, listed, counts, hidden=True)
        mark = hashlib.sha256(json.dumps(written).encode()).hexdigest()[:16]
        now[row["public"]] = mark
        if told.get(row["public"]) != mark:
            changed.append(written)
    changed += [{"id": key, "@removed": {"reason": "deleted"}} for key in told if key not in now]
    size = call.page_size or _PAGE
    more = len(changed) > size
    after = now if not more else told | {str(one["id"]): now.get(str(one["id"]), "") for one in changed[:size]}
    made = secrets.token_urlsafe(24)
    call.mailbox.db.set(f"folders told {made}", after)
    link = f"{call.root}/mailFolders/delta?{'$skiptoken' if more else '$deltatoken'}={made}"
    body: Json = {"@odata.context": call.context("Collection(mailFolder)"), "value": changed[:size]}
    return as_json(body | {"@odata.nextLink" if more else "@odata.deltaLink": link})


def _told(call: Call, token: str) -> dict[str, str]:
    kept = call.mailbox.db.get(f"folders told {token}")
    if not isinstance(kept, dict):
        raise GraphError(410, "SyncStateNotFound", "The sync state generation is not found.")
    return kept
