"""Change notifications: subscriptions to a folder's messages, the call that proves an address, and the notifications.

The client's address is really called. What cannot be delivered is tried again with growing pauses, for four hours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta

from threadline.sandbox.microsoft.callbacks import UnreachableError, post, validate
from threadline.sandbox.microsoft.database import Database, seconds, stamp
from threadline.sandbox.microsoft.directory import Directory
from threadline.sandbox.microsoft.graph import Graph, segments
from threadline.sandbox.microsoft.mailbox import Changed, NotThereError
from threadline.sandbox.microsoft.odata import GraphError, moment
from threadline.sandbox.microsoft.representation import Json
from threadline.sandbox.microsoft.tokens import Access
from threadline.sandbox.microsoft.web import Answer, Request, as_json

_LONGEST = timedelta(minutes=10_080)
_SHORTEST = timedelta(minutes=45)
_MOST = 1_000
_DELIVER_SECONDS = 3
_PAUSES = (0.5, 5, 60, 600, 1800, 3600, 3600, 3600)
_EVENTS = ("reauthorizationRequired", "subscriptionRemoved", "missed")


class Subscriptions:
    """Every subscription, and what is on its way to whom."""

    def __init__(self, db: Database, directory: Directory, now: Callable[[], datetime]) -> None:
        self._db = db
        self._directory = directory
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self.silent = False  # an outage: nothing is delivered, and what happens meanwhile is lost
        self.delivered: list[Json] = []

    # -- the endpoint --------------------------------------------------------------------------------------

    async def answer(self, request: Request, access: Access, path: tuple[str, ...], graph: Graph) -> Answer:
        """`/subscriptions` and what is below it. GraphError."""
        if request.method == "POST" and not path:
            return await self._create(request, access, graph)
        if request.method == "GET" and not path:
            mine = self._living(access.user)
            return as_json({"@odata.context": f"{request.base}/v1.0/$metadata#subscriptions",
                            "value": [_written(row) for row in mine]})  # fmt: skip
        row = self._row(path[0] if path else "", access)
        match request.method, path[1:]:
            case "GET", ():
                return self._said(request, row)
            case "PATCH", ():
                expires = self._expiry(_body(request))
                self._db.run("update subscription set expires = ? where id = ?", expires, row["id"])
                return self._said(request, self._row(row["id"], access))
            case "DELETE", ():
                self._db.run("delete from subscription where id = ?", row["id"])
                return Answer(204)
            case "POST", ("reauthorize",):
                return Answer(204)
        raise GraphError(400, "BadRequest", "Resource not found for the segment 'subscriptions'.")

    async def _create(self, request: Request, access: Access, graph: Graph) -> Answer:
        body = _body(request)
        state, url = body.get("clientState", ""), str(body.get("notificationUrl", ""))
        if not url or not body.get("changeType") or not body.get("resource") or not body.get("expirationDateTime"):
            raise GraphError(400, "InvalidRequest", "Subscription requires changeType, notificationUrl, resource and"
                             " expirationDateTime.")  # fmt: skip
        if not isinstance(state, str) or len(state) > 128:
            raise GraphError(400, "InvalidRequest", "clientState has at most 128 characters.")
        folder = self._folder(str(body["resource"]), access, graph)
        expires = self._expiry(body)
        mine = self._living(access.user)
        if len(mine) >= _MOST:
            raise GraphError(403, "ExtensionError", "The limit of active subscriptions of the mailbox is reached.")
        same = ("changeType", "notificationUrl", "resource")
        if any(all(json.loads(row["body"]).get(name) == body.get(name) for name in same) for row in mine):
            raise GraphError(409, "ExtensionError", "A subscription with the same properties exists already.")
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if body.get(name):
                await validate(str(body[name]))
        kept = {name: body.get(name) for name in (*same, "lifecycleNotificationUrl", "clientState")}
        kept |= {"applicationId": access.app, "creatorId": access.user["oid"]}
        key = str(uuid.uuid4())
        immutable = request.prefers("IdType") == "ImmutableId"
        self._db.run(
            "insert into subscription (id, user, folder, body, expires, immutable, removed)"
            " values (?, ?, ?, ?, ?, ?, 0)",
            key, access.user["oid"], folder, json.dumps(kept), expires, immutable,
        )  # fmt: skip
        return self._said(request, self._row(key, access), status=201)

    def _folder(self, resource: str, access: Access, graph: Graph) -> int | None:
        """The folder a subscription is for, None for the whole mailbox. GraphError."""
        path = segments(resource)
        if path[:1] == ("users",) and len(path) > 2 and path[1] in (access.user["oid"], access.user["upn"]):
            path = ("me", *path[2:])
        if path == ("me", "messages"):
            return None
        if len(path) == 4 and (path[0], path[1].lower(), path[3]) == ("me", "mailfolders", "messages"):
            with contextlib.suppress(NotThereError):
                return int(graph.mailbox(access.user).folder(path[2])["id"])
        raise GraphError(400, "ExtensionError", f"Operation: Create; Exception: resource '{resource}' is not known.")

    def _expiry(self, body: Json) -> int:
        """The end asked for, at least 45 minutes from now. GraphError for more than seven days."""
        try:
            asked = moment(str(body["expirationDateTime"]))
        except KeyError:
            raise GraphError(400, "InvalidRequest", "expirationDateTime is missing.") from None
        if asked > self._now() + _LONGEST:
            raise GraphError(400, "ExtensionError", "Subscription expiration can only be 10080 minutes in the future.")
        return seconds(max(asked, self._now() + _SHORTEST))

    def _row(self, key: str, access: Access) -> sqlite3.Row:
        row = self._db.one("select * from subscription where id = ? and user = ?", key, access.user["oid"])
        if row is None or row["removed"] or row["expires"] <= seconds(self._now()):
            raise GraphError(404, "ResourceNotFound", "The object was not found.")
        return row

    def _living(self, user: sqlite3.Row) -> list[sqlite3.Row]:
        return self._db.all(
            "select * from subscription where user = ? and removed = 0 and expires > ?",
            user["oid"], seconds(self._now()),
        )  # fmt: skip

    def _said(self, request: Request, row: sqlite3.Row, status: int = 200) -> Answer:
        context = {"@odata.context": f"{request.base}/v1.0/$metadata#subscriptions/$entity"}
        return as_json(context | _written(row), status)

    # -- notifications -------------------------------------------------------------------------------------

    def changed(self, change: Changed) -> None:
        """Tell whoever subscribed. Without a running loop (while the demo is written) there is nobody."""
        if self.silent:
            return
        kind = "deleted" if change.kind == "moved" else change.kind
        rows = self._db.all(
            "select * from subscription where user = ? and (folder is null or folder = ?)"
            " and removed = 0 and expires > ?",
            change.user, change.folder, seconds(self._now()),
        )  # fmt: skip
        for row in rows:
            body = json.loads(row["body"])
            if kind in body["changeType"].split(","):
                self._send(body["notificationUrl"], self._notification(row, body, change, kind))

    def _notification(self, row: sqlite3.Row, body: Json, change: Changed, kind: str) -> Json:
        shown = change.immutable if row["immutable"] else change.rest
        resource = f"Users/{change.user}/Messages/{shown}"
        etag = f'W/"{secrets.token_hex(8)}"'
        data = {"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "@odata.etag": etag, "id": shown}
        return self._envelope(row, body) | {"changeType": kind, "resource": resource, "resourceData": data}

    def _envelope(self, row: sqlite3.Row, body: Json) -> Json:
        user = self._directory.user(row["user"])
        return {
            "subscriptionId": row["id"],
            "subscriptionExpirationDateTime": stamp(row["expires"]),
            "clientState": body.get("clientState"),
            "tenantId": user["tid"] if user else "",
        }

    def lifecycle(self, user: sqlite3.Row, event: str) -> int:
        """A lifecycle event to every subscription of the user that has an address for it; how many."""
        if event not in _EVENTS:
            raise ValueError(event)
        rows = self._living(user)
        told = 0
        for row in rows:
            body = json.loads(row["body"])
            if event == "subscriptionRemoved":
                self._db.run("update subscription set removed = 1 where id = ?", row["id"])
            if body.get("lifecycleNotificationUrl"):
                note = self._envelope(row, body) | {"lifecycleEvent": event, "resource": body["resource"]}
                self._send(body["lifecycleNotificationUrl"], note)
                told += 1
        return told

    def _send(self, url: str, note: Json) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._keep(loop, self._deliver(url, note))

    def _keep(self, loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, None]) -> None:
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, url: str, note: Json) -> None:
        for pause in (0.0, *_PAUSES):
            await asyncio.sleep(pause)
            record: Json = {"url": url, "notification": note, "status": 0}
            self.delivered = [*self.delivered[-999:], record]
            with contextlib.suppress(UnreachableError):
                status, _, _ = await post(url, _DELIVER_SECONDS, {"value": [note]})
                record["status"] = status
                if status < 300:
                    return

    def stop(self) -> None:
        """End what is on its way."""
        for task in self._tasks:
            task.cancel()


def _body(request: Request) -> Json:
    try:
        return request.json()
    except ValueError:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from None


def _written(row: sqlite3.Row) -> Json:
    body = json.loads(row["body"])
    return {
        "id": row["id"],
        "resource": body["resource"],
        "applicationId": body["applicationId"],
        "changeType": body["changeType"],
        "clientState": body.get("clientState"),
        "notificationUrl": body["notificationUrl"],
        "lifecycleNotificationUrl": body.get("lifecycleNotificationUrl"),
        "expirationDateTime": stamp(row["expires"]),
        "creatorId": body["creatorId"],
        "includeResourceData": None,
        "latestSupportedTlsVersion": "v1_2",
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationQueryOptions": None,
        "notificationUrlAppId": None,
    }
