"""Microsoft 365 as the sandbox plays it, in a process of its own: Entra, Graph, and a lever for all that goes wrong.

with MicrosoftServer() as microsoft:
    microsoft.add_account("elin@northgate-365.example", "secret")
    microsoft.deliver("elin@northgate-365.example", raw)
    tokens = microsoft.tokens("elin@northgate-365.example")   # as after a sign-in, through the real pages
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.servers import process
from tests.servers.process import Daemon

SCOPES = "openid profile email offline_access User.Read Mail.Read"
REDIRECT = "http://127.0.0.1/back"
Action = Literal["answer", "truncate", "break_json", "hang", "delay", "drop", "cut"]


class LeverRefused(Exception):
    """The control API said no; the sentence is its own."""


class MicrosoftServer:
    """A context manager; `restart` and `kill` in between keep the mail, the ports and the tokens."""

    def __init__(self, *, tls: Path | None = None) -> None:
        self._open = contextlib.ExitStack()
        self._tls = tls

    def __enter__(self) -> "MicrosoftServer":
        with contextlib.ExitStack() as opening:
            self.folder = opening.enter_context(process.private_folder("tl-microsoft-"))
            self._ready_file = self.folder / "ready.json"
            self.now_file = self.folder / "now"
            # As ourselves: `nobody` could not read a Python under a home folder.
            self._daemon = Daemon(
                [
                    *(sys.executable, "-m", "threadline.sandbox", "--data", self.folder / "data", "--empty"),
                    *("--only", "microsoft", "--ready-file", self._ready_file),
                    *(("--microsoft-tls", self._tls) if self._tls else ()),
                ],
                self.folder,
                self.folder / "output",
                env={**os.environ, "THREADLINE_NOW_FILE": str(self.now_file)},
                as_ourselves=True,
            )
            opening.callback(self._daemon.stop)
            self.start()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self._daemon.start(self._ready_file.exists, within=120)
        ready = json.loads(self._ready_file.read_text())
        self._control = f"http://127.0.0.1:{ready['control_port']}/v1/microsoft/"
        self._token = Path(ready["token_path"]).read_text()
        self._know(ready["microsoft"])

    def _know(self, said: Mapping[str, Any]) -> None:
        self.login_url: str = said["login_url"]
        self.graph_url: str = said["graph_url"]
        self.client_id: str = said["client_id"]
        self.client_secret: str = said["client_secret"]

    def empty(self) -> None:
        """As new, and at another address: for the next test."""
        self.set_clock(None)
        if not self._daemon.running:
            self.start()
        self._know(self.post("empty"))

    def stop(self) -> None:
        self._daemon.stop()

    def kill(self) -> None:
        """Without a chance to finish anything."""
        self._daemon.stop_signal = signal.SIGKILL
        self._daemon.stop()
        self._daemon.stop_signal = signal.SIGTERM

    def restart(self) -> None:
        self.stop()
        self.start()

    # -- the control API -----------------------------------------------------------------------------------

    def post(self, verb: str, **body: object) -> dict[str, Any]:
        """Pull a lever by name."""
        request = urllib.request.Request(
            self._control + verb, json.dumps(body).encode(), {"Authorization": f"Bearer {self._token}"}
        )
        return self._call(request)

    def get(self, verb: str, **query: object) -> dict[str, Any]:
        address = f"{self._control}{verb}?{urlencode(query)}"
        return self._call(urllib.request.Request(address, headers={"Authorization": f"Bearer {self._token}"}))

    def _call(self, request: urllib.request.Request) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as problem:
            with problem:
                raise LeverRefused(json.load(problem)["error"]) from None

    # -- accounts and mail ---------------------------------------------------------------------------------

    def add_account(self, address: str, password: str = "secret", **more: object) -> dict[str, Any]:
        """`more`: name, admin, kind, language. The answer has oid and tid."""
        return self.post("account", address=address, password=password, **more)

    def deliver(
        self, account: str, raw: bytes, folder: str = "inbox", *, at: datetime | None = None, **more: object
    ) -> dict[str, Any]:
        """`folder`: a well-known name, an id, or a path that is made when missing. The answer has both ids."""
        when = {"at": at.astimezone(UTC).isoformat()} if at else {}
        encoded = base64.b64encode(raw).decode()
        return self.post("deliver", account=account, folder=folder, mime_base64=encoded, **when, **more)

    def deliver_many(
        self, account: str, mails: Iterable[tuple[bytes, datetime]], folder: str = "inbox", *, at_once: int = 2_000
    ) -> list[str]:
        """Bytes and time of arrival each; the immutable ids."""
        found: list[str] = []
        waiting = [
            {"mime_base64": base64.b64encode(raw).decode(), "at": at.astimezone(UTC).isoformat()} for raw, at in mails
        ]
        for start in range(0, len(waiting), at_once):
            some = waiting[start : start + at_once]
            found += self.post("deliver_many", account=account, folder=folder, messages=some)["ids"]
        return found

    def move(self, account: str, key: str, to: str) -> dict[str, Any]:
        """`key`: an id of either kind."""
        return self.post("move", account=account, id=key, to=to)

    def delete(self, account: str, key: str) -> dict[str, Any]:
        """For good."""
        return self.post("delete", account=account, id=key)

    def mark_read(self, account: str, key: str, *, read: bool = True) -> dict[str, Any]:
        return self.post("read", account=account, id=key, read=read)

    def make_folder(self, account: str, name: str) -> dict[str, Any]:
        return self.post("folder", account=account, name=name)

    def rename_folder(self, account: str, folder: str, to: str) -> dict[str, Any]:
        return self.post("rename", account=account, folder=folder, to=to)

    def delete_folder(self, account: str, folder: str) -> None:
        self.post("delete_folder", account=account, folder=folder)

    def messages(self, account: str, folder: str = "inbox", limit: int = 100_000) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.get("messages", account=account, folder=folder, limit=limit)["messages"]
        return found

    def folders(self, account: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("folders", account=account)["folders"]
        return found

    # -- the sign-in ---------------------------------------------------------------------------------------

    def change_password(self, account: str, password: str = "another", *, keep_tokens: bool = False) -> None:
        self.post("password", account=account, password=password, keep_tokens=keep_tokens)

    def revoke(self, account: str, code: int = 50173) -> None:
        """Refresh tokens are refused with this code; access tokens are challenged where the client can take it."""
        self.post("revoke", account=account, code=code)

    def demand_mfa(self, account: str, demand: str = "required", *, error: str = "") -> None:
        """`required` (50076), `enroll` (50079), `off`."""
        self.post("mfa", account=account, demand=demand, error=error)

    def challenge(self, account: str) -> None:
        self.post("challenge", account=account)

    def withdraw_consent(self, account: str) -> None:
        self.post("withdraw_consent", account=account)

    def require_admin_approval(self, account: str, mode: str = "required") -> None:
        """`required`, `workflow` (a person can ask for it), `off`."""
        self.post("admin_approval", account=account, mode=mode)

    def grant_admin_consent(self, account: str, scopes: str = SCOPES) -> None:
        self.post("grant_admin_consent", account=account, scopes=scopes)

    def set_user(self, account: str, **what: object) -> None:
        """`kind` on_premises, unlicensed, soft_deleted, guest, shared, cloud; `state` active, disabled, deleted."""
        self.post("user", account=account, **what)

    def set_secret(self, state: str = "valid", **more: object) -> None:
        """`valid`, `expired` (7000222), `replaced` (the known one is refused with 7000215); `secret`, `certificate`."""
        self.client_secret_now = self.post("secret", state=state, **more)["client_secret"]

    def token_error(self, code: int, *, account: str = "", count: int = 1, error: str = "") -> None:
        """The next token requests are refused with this code; count -1: all."""
        self.post("token_error", code=code, account=account, count=count, error=error)

    # -- trouble -------------------------------------------------------------------------------------------

    def throttle(self, **limits: int) -> None:
        """concurrent, requests, latency_ms, retry_after."""
        self.post("throttle", **limits)

    def fault(
        self, path: str = "", *, action: Action = "answer", status: int = 503, count: int = 1, skip: int = 0,
        headers: Mapping[str, str] | None = None, **more: object,
    ) -> int:  # fmt: skip
        """Requests whose path matches meet it; the fault's number, by which the log knows it.

        `method`, `account`, `code`, `body`, `delay_ms`; with count -1 and `each`, every address meets it once.
        """
        body = {"path": path, "action": action, "status": status, "count": count, "skip": skip}
        return int(self.post("fault", **body, headers=dict(headers or {}), **more)["id"])

    def clear_faults(self) -> None:
        self.post("clear_faults")

    def expire_deltas(self, account: str, kind: str = "gone", *, only: str = "all", folder: str = "") -> None:
        self.post("expire_deltas", account=account, kind=kind, only=only, folder=folder)

    def quirks(self, account: str, **what: object) -> None:
        """empty_pages, replay, removed_reason, forget_returns, endless, rebuild_mime."""
        self.post("quirks", account=account, **what)

    def lifecycle(self, account: str, event: str) -> None:
        self.post("lifecycle", account=account, event=event)

    def notifications(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("notifications")["notifications"]
        return found

    def log(self, path: str = "", since: int = 0) -> list[dict[str, Any]]:
        """Requests in their order: method, path, query, status, account, sent, received, in_flight, batch, fault."""
        found: list[dict[str, Any]] = self.get("log", path=path, since=since)["requests"]
        return found

    def clear_log(self) -> None:
        self.post("clear_log")

    def set_clock(self, moment: datetime | timedelta | None) -> None:
        """A moment stands still, a distance from the real time runs, None is the real time."""
        if moment is None:
            self.now_file.unlink(missing_ok=True)
        elif isinstance(moment, timedelta):
            self._write_clock(f"{moment.total_seconds():+}")
        else:
            self._write_clock(moment.isoformat())

    def _write_clock(self, text: str) -> None:
        part = self.now_file.with_suffix(".part")
        part.write_text(text, encoding="ascii")
        part.replace(self.now_file)

    # -- a person at the browser, and the client after it --------------------------------------------------

    def authorize_url(self, scopes: str = SCOPES, tenant: str = "common", **more: str) -> str:
        query = {
            "client_id": self.client_id, "response_type": "code", "redirect_uri": REDIRECT, "scope": scopes,
            "response_mode": "query", **more,
        }  # fmt: skip
        return f"{self.login_url}/{tenant}/oauth2/v2.0/authorize?{urlencode(query)}"

    def click_through(
        self, url: str, account: str, password: str = "secret", *, consent: str = "accept", second: str = "approve"
    ) -> str:
        """Sign in as a person does, page by page; the address the browser is sent back to in the end. What a
        `form_post` would send there is in its query.

        `consent`: accept, cancel. A page that cannot be passed raises with its heading, except "Need admin approval",
        from which the person returns without consent.
        """
        verify: Any = self.trust if self._tls else True
        with httpx.Client(verify=verify, trust_env=False, timeout=30) as browser:
            answer = browser.get(url)
            while not answer.is_redirect:
                if posted := _posted_form(answer.text):
                    return posted
                answer = browser.post(
                    f"{self.login_url}/common/login",
                    data=self._fill_in(answer.text, account, password, consent, second),
                )
            return answer.headers["location"]

    trust: Any = True  # an SSL context, where the server speaks TLS

    def _fill_in(self, page: str, account: str, password: str, consent: str, second: str) -> dict[str, str]:
        flow = re.search(r'name="flow" value="([^"]+)"', page)
        heading = re.search(r"<h1>(.*?)</h1>", page)
        title = unescape(heading[1]) if heading else ""
        if flow is None:
            raise AssertionError(f"the sign-in ended on a page: {title}: {_said(page)}")
        forms: dict[str, dict[str, str]] = {
            "Pick an account": {"step": "account", "account": account},
            "Enter password": {"step": "password", "passwd": password},
            "Approve sign in request": {"step": "second", "answer": second},
            "More information required": {"step": "second", "answer": second},
            "Permissions requested": {"step": "consent", "answer": consent},
            "Permissions requested: review for your organization": {"step": "consent", "answer": consent},
            "Need admin approval": {"step": "consent", "answer": "return"},
            "Approval required": {"step": "request"},
            "Request sent": {"step": "consent", "answer": "requested"},
        }
        if 'role="alert"' in page or title not in forms:
            raise AssertionError(f"the sign-in cannot go on: {title}: {_said(page)}")
        return {"flow": flow[1], **forms[title]}

    def sign_in(self, account: str, password: str = "secret", scopes: str = SCOPES, **more: str) -> dict[str, str]:
        """What the redirect carries: `code`, or `error` and `error_description`."""
        url = self.authorize_url(scopes, **more)
        back = self.click_through(url, account, password)
        return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}

    def token(self, tenant: str = "common", **form: str) -> httpx.Response:
        """A request to the token endpoint; client id and secret are filled in."""
        body = {"client_id": self.client_id, "client_secret": self.client_secret, **form}
        verify: Any = self.trust if self._tls else True
        with httpx.Client(verify=verify, trust_env=False, timeout=30) as client:
            return client.post(f"{self.login_url}/{tenant}/oauth2/v2.0/token", data=body)

    def tokens(self, account: str, password: str = "secret", scopes: str = SCOPES, **form: str) -> dict[str, Any]:
        """access_token, refresh_token, id_token: signed in with PKCE, consented, exchanged."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        found = self.sign_in(account, password, scopes, code_challenge=challenge, code_challenge_method="S256")
        answer = self.token(
            grant_type="authorization_code", code=found["code"], redirect_uri=REDIRECT, code_verifier=verifier, **form
        )
        assert answer.status_code == 200, answer.text
        got: dict[str, Any] = answer.json()
        return got


def _posted_form(page: str) -> str:
    """Where a page with `response_mode=form_post` sends the browser, and with what; "" for any other page."""
    action = re.search(r'^<form method="post" action="([^"]+)">', page)
    if action is None:
        return ""
    fields = {name: unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', page)}
    return f"{unescape(action[1])}?{urlencode(fields)}"


def _said(page: str) -> str:
    """What a page says, without its marks."""
    return " ".join(unescape(re.sub(r"(?s)<style.*?</style>|<[^>]+>", " ", page)).split())
