"""Microsoft Graph v1.0 as far as mail is read: the gate every request passes, and the way to what answers it."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from threadline.sandbox.microsoft.database import Database
from threadline.sandbox.microsoft.delta import Quirks
from threadline.sandbox.microsoft.directory import Directory
from threadline.sandbox.microsoft.jose import b64
from threadline.sandbox.microsoft.mailbox import Changed, Mailbox, NotThereError
from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.tokens import Access, InvalidAccessToken, Tokens
from threadline.sandbox.microsoft.web import Answer, Request, as_json

_READS = frozenset({"Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic"})
_CLOSED = ("on_premises", "unlicensed", "soft_deleted", "guest")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the gate."""

    request: Request
    access: Access
    mailbox: Mailbox
    path: tuple[str, ...]  # below /v1.0/me or /v1.0/users/ID
    root: str  # absolute address of /v1.0/me or /v1.0/users/ID
    quirks: Quirks

    @property
    def user(self) -> sqlite3.Row:
        return self.access.user

    @property
    def immutable(self) -> bool:
        return self.request.prefers("IdType") == "ImmutableId"

    @property
    def page_size(self) -> int:
        """`Prefer: odata.maxpagesize`, 0 where it was not sent."""
        said = self.request.prefers("odata.maxpagesize") or ""
        return min(int(said), 1000) if said.isdecimal() else 0

    def context(self, what: str) -> str:
        """`@odata.context`."""
        return f"{self.request.base}/v1.0/$metadata#{what}"


def quoted(key: str) -> str:
    """A key as it stands in an address: `('...')`."""
    return "('" + quote(key, safe="") + "')"


def segments(path: str) -> tuple[str, ...]:
    """The path taken apart: `mailFolders('inbox')/messages/delta()` as `mailFolders`, `inbox`, `messages`, `delta`."""
    keyed = re.sub(r"\('([^']*)'\)", r"/\1", path).replace("()", "")
    return tuple(piece.removeprefix("microsoft.graph.") for piece in keyed.split("/") if piece)


Endpoint = Callable[[Call], Answer]


class Graph:
    """Answers what lies below `/v1.0`."""

    def __init__(
        self, db: Database, directory: Directory, tokens: Tokens, now: Callable[[], datetime],
        watch: Callable[[Changed], None],
    ) -> None:  # fmt: skip
        self._db = db
        self._directory = directory
        self._tokens = tokens
        self._now = now
        self._watch = watch
        self.quirks: dict[str, Quirks] = {}  # by user

    def mailbox(self, user: sqlite3.Row) -> Mailbox:
        """The mailbox of a user."""
        return Mailbox(self._db, user["oid"], self._watch, self._now)

    def quirks_of(self, user: sqlite3.Row) -> Quirks:
        """How the user's feed behaves. What was made to expire is kept, the rest is forgotten with the process."""
        if user["oid"] not in self.quirks:
            kept = self._db.get(f"expired {user['oid']}", [])
            self.quirks[user["oid"]] = Quirks(expired=kept if isinstance(kept, list) else [])
        return self.quirks[user["oid"]]

    def caller(self, request: Request) -> Access:
        """Whose request it is. GraphError 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.")
        try:
            access = self._tokens.read_access(token.strip())
        except InvalidAccessToken as problem:
            raise GraphError(401, "InvalidAuthenticationToken", str(problem)) from None
        if access.cae and access.user["satisfied"] > access.satisfied:
            raise _challenge(access.user["satisfied"], request.base)
        if access.user["state"] == "deleted":
            raise GraphError(404, "ErrorInvalidUser", f"The requested user '{access.user['upn']}' is invalid.")
        return access

    def call(self, request: Request, access: Access) -> Call:
        """The request with its mailbox and its path. GraphError where it may not reach that mailbox."""
        path = segments(request.path)[1:]
        if path[:1] == ("users",) and len(path) > 1:
            other = self._directory.user(path[1])
            if other is None:
                raise GraphError(404, "ErrorInvalidUser", f"The requested user '{path[1]}' is invalid.")
            if other["oid"] != access.user["oid"]:
                raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            root = f"{request.base}/v1.0/users/{quote(path[1], safe='')}"
            path = path[2:]
        elif path[:1] == ("me",):
            root, path = f"{request.base}/v1.0/me", path[1:]
        else:
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{path[0] if path else ''}'.")
        return Call(request, access, self.mailbox(access.user), path, root, self.quirks_of(access.user))

    def check_mail(self, call: Call) -> None:
        """GraphError where the token does not reach mail, or there is no mailbox."""
        if not call.access.scopes & _READS:
            raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if call.user["kind"] in _CLOSED:
            said = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise GraphError(404, "MailboxNotEnabledForRESTAPI", said)

    def refusal(self, problem: GraphError, request: Request) -> Answer:
        """An error as Graph writes it."""
        inner: dict[str, object] = {
            "date": self._now().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": str(uuid.uuid4()),
            "client-request-id": request.headers.get("client-request-id", str(uuid.uuid4())),
        }
        if problem.inner:
            inner = {"code": problem.inner, **inner}
        body = {"error": {"code": problem.code, "message": problem.message, "innerError": inner}}
        return as_json(body, problem.status, problem.headers)


def _challenge(moment: int, base: str) -> GraphError:
    """Continuous access evaluation: a newer token is wanted, and the claims to ask for it with."""
    claims = b64(json.dumps({"access_token": {"nbf": {"essential": True, "value": str(moment)}}}).encode())
    padded = claims + "=" * (-len(claims) % 4)
    header = (
        f'Bearer realm="", authorization_uri="{base}/common/oauth2/authorize", error="insufficient_claims",'
        f' claims="{padded}"'
    )
    said = (
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code:"
        " TokenIssuedBeforeRevocationTimestamp"
    )
    return GraphError(401, "InvalidAuthenticationToken", said, headers={"WWW-Authenticate": header})


def not_found(kind: str) -> GraphError:
    """What Graph says of a message or folder that is not there."""
    del kind
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


__all__ = ["Call", "Endpoint", "Graph", "NotThereError", "not_found", "quoted", "segments"]
