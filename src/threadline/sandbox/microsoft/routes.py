"""From a path to the endpoint that answers it."""

from __future__ import annotations

from threadline.sandbox.microsoft import folder_feed, folders, reading
from threadline.sandbox.microsoft.graph import Call, Graph
from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.representation import Json
from threadline.sandbox.microsoft.web import Answer, as_json

_WRITES = ("POST", "PATCH", "PUT", "DELETE")
_MOST_IDS = 1000


def answer(graph: Graph, call: Call) -> Answer:
    """The answer of the endpoint. GraphError."""
    if not call.path:
        if not call.access.scopes & {"User.Read", "User.ReadWrite"}:
            raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        return reading.me(call)
    graph.check_mail(call)
    if call.request.method == "POST" and call.path == ("translateExchangeIds",):
        return _translate(call)
    if call.request.method in _WRITES:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    match call.path:
        case ("mailFolders",):
            return folders.folders(call)
        case ("mailFolders", "delta"):
            return folder_feed.folders_delta(call)
        case ("mailFolders", key):
            return folders.folder(call, key)
        case ("mailFolders", key, "childFolders"):
            return folders.folders(call, key)
        case ("mailFolders", key, "messages", "delta"):
            return reading.messages_delta(call, key)
        case ("mailFolders", key, "messages", *rest):
            return _messages(call, tuple(rest), key)
        case ("messages", *rest):
            return _messages(call, tuple(rest), "")
    raise _unknown(call)


def _messages(call: Call, rest: tuple[str, ...], folder: str) -> Answer:
    match rest:
        case ():
            return reading.messages(call, folder)
        case (key,):
            return reading.message(call, key, folder)
        case (key, "$value"):
            return reading.mime(call, key, folder)
        case (key, "attachments"):
            return reading.attachments(call, key, folder)
        case (key, "attachments", attachment):
            return reading.attachment(call, key, attachment, folder)
        case (key, "attachments", attachment, "$value"):
            return reading.attachment(call, key, attachment, folder, content=True)
    raise _unknown(call)


def _unknown(call: Call) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{call.path[-1]}'.")


def _translate(call: Call) -> Answer:
    """`translateExchangeIds`: between the two kinds of id, at most 1,000 at once."""
    try:
        body = call.request.json()
    except ValueError:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from None
    ids, target = body.get("inputIds"), body.get("targetIdType")
    if not isinstance(ids, list) or len(ids) > _MOST_IDS or target not in ("restImmutableEntryId", "restId"):
        raise GraphError(400, "BadRequest", "The request is malformed: inputIds or targetIdType.")
    listed: list[Json] = []
    for key in ids:
        try:
            row = reading.message_row(call, str(key))
        except GraphError as problem:
            details = {"code": problem.code, "message": problem.message}
            listed.append({"sourceId": str(key), "errorDetails": details})
        else:
            found = row["immutable"] if target == "restImmutableEntryId" else row["rest"]
            listed.append({"sourceId": str(key), "targetId": found})
    return as_json({"@odata.context": call.context("Collection(convertIdResult)"), "value": listed})
