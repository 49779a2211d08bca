"""`$batch`: up to twenty requests in one, each with a status of its own, answered in no order."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.representation import Json
from threadline.sandbox.microsoft.web import Answer, Request, as_json, parse_target

_MOST = 20


def answer(request: Request, run: Callable[[Request], Answer]) -> Answer:
    """Run each with `run`. GraphError for what is no batch."""
    try:
        given = request.json().get("requests")
    except ValueError:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from None
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    if len(given) > _MOST:
        raise GraphError(400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {_MOST}.")
    ids = [str(one.get("id", "")) for one in given]
    if len(set(ids)) != len(ids) or "" in ids:
        raise GraphError(400, "BadRequest", "Each request of a batch needs an id of its own.")
    done: dict[str, Json] = {}
    for one in given:
        done[str(one["id"])] = _one(one, request, run, done)
    # In another order than they were asked: only the id says which is which.
    return as_json({"responses": list(done.values())[::-1]})


def _one(one: Json, outer: Request, run: Callable[[Request], Answer], done: dict[str, Json]) -> Json:
    key = str(one["id"])
    needed = one.get("dependsOn")
    for name in needed if isinstance(needed, list) else []:
        status = done.get(str(name), {"status": 424})["status"]
        if not isinstance(status, int) or status >= 400:
            return {"id": key, "status": 424, "headers": {}, "body": _error("FailedDependency", "A dependency failed.")}
    url, method = str(one.get("url", "")), str(one.get("method", "")).upper()
    if not url.startswith("/") or method not in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        return {"id": key, "status": 400, "headers": {}, "body": _error("BadRequest", "Invalid batch item.")}
    given = one.get("headers")
    headers = {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    body = json.dumps(one["body"]).encode() if "body" in one else b""
    found = run(parse_target(method, f"/v1.0{url}", headers, outer.base, body))
    kind = found.headers.get("Content-Type", "")
    written: Json = {"id": key, "status": found.status, "headers": dict(found.headers)}
    if found.body:
        is_json = kind.startswith("application/json")
        written["body"] = json.loads(found.body) if is_json else base64.b64encode(found.body).decode()
    return written


def _error(code: str, message: str) -> Json:
    return {"error": {"code": code, "message": message}}
