"""Control verbs: the state, the log, faults, limits, and a delta feed that misbehaves."""

from __future__ import annotations

import re

from threadline.sandbox import clock
from threadline.sandbox.http import Json
from threadline.sandbox.microsoft.arguments import count, number, one_of, text
from threadline.sandbox.microsoft.lookup import Lookup, folder_of
from threadline.sandbox.microsoft.service import entry_json
from threadline.sandbox.microsoft.troubles import ACTIONS, Trouble


class TroubleVerbs(Lookup):
    """What goes wrong between client and server."""

    def state(self, _: Json) -> Json:
        """Addresses, the application, and what was switched."""
        service, limits = self.service, self.service.limits
        base = service.server.base
        return {
            "login_url": base,
            "graph_url": base,
            "running": service.server.running,
            "client_id": service.directory.client_id,
            "client_secret": service.directory.client_secret,
            "secret_expired": bool(service.db.get("secret_expired", False)),
            "throttle": {
                "concurrent": limits.concurrent, "requests": limits.requests, "latency_ms": limits.latency * 1000,
            },
            "faults": [_trouble_json(one) for one in service.troubles.list],
            "now": clock.now().isoformat(),
        }  # fmt: skip

    def log(self, body: Json) -> Json:
        """Requests since `since` (a number), whose path matches `path`."""
        since, pattern = number(body, "since", 0, 2**60), text(body, "path", "")
        found = [one for one in self.service.log if one.number > since and re.search(pattern, one.path)]
        return {"requests": [entry_json(one) for one in found]}

    def clear_log(self, _: Json) -> Json:
        """Forget the requests so far."""
        self.service.log.clear()
        return {}

    def notifications(self, _: Json) -> Json:
        """What was sent to subscribers, with the status they answered (0: none)."""
        return {"notifications": self.service.subscriptions.delivered}

    def throttle(self, body: Json) -> Json:
        """Limits per mailbox: `concurrent` (4), `requests` per ten minutes (10000), 0 for none; `latency_ms` of every
        request, `retry_after` seconds.
        """
        limits = self.service.limits
        limits.concurrent = number(body, "concurrent", limits.concurrent, 10_000)
        limits.requests = number(body, "requests", limits.requests, 10**9)
        limits.latency = number(body, "latency_ms", int(limits.latency * 1000), 120_000) / 1000
        limits.retry_after = number(body, "retry_after", limits.retry_after, 100_000)
        limits.recent.clear()
        return self.state(body)

    def fault(self, body: Json) -> Json:
        """Requests that match `method`, `path` (regular expression) and `account` meet `action`: answer (`status`,
        `code`, `headers`, `body`), truncate, break_json, hang, delay (`delay_ms`), drop or cut; `count` times, after
        `skip` others; with `each`, every address once.
        """
        headers = body.get("headers", {})
        given = body.get("body")
        trouble = Trouble(
            0, one_of(body, "action", "answer", ACTIONS), text(body, "path", ""), text(body, "method", "").upper(),
            text(body, "account", ""), count(body), number(body, "skip", 0, 10**9),
            number(body, "status", 503, 599), text(body, "code", ""), text(body, "message", ""),
            {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
            given if isinstance(given, str) else None, number(body, "delay_ms", 0, 3_600_000) / 1000,
            each=bool(body.get("each")),
        )  # fmt: skip
        return _trouble_json(self.service.troubles.add(trouble))

    def clear_faults(self, body: Json) -> Json:
        """All, or the one of this `id`."""
        self.service.troubles.clear(number(body, "id", 0, 10**9))
        return self.state(body)

    def expire_deltas(self, body: Json) -> Json:
        """The links given so far die: `kind` gone (410), not_found (400), resync_required, invalid; `only` next, delta
        or all of them; of one `folder` or of every one.
        """
        user = self.user_of(body)
        mailbox = self.service.graph.mailbox(user)
        generation = user["delta_generation"] + 1
        folder = folder_of(mailbox, text(body, "folder", ""))["id"] if body.get("folder") else None
        kind = one_of(body, "kind", "gone", ("gone", "not_found", "resync_required", "invalid"))
        only = one_of(body, "only", "all", ("all", "next", "delta"))
        self.service.directory.change_user(user, delta_generation=generation)
        expired = self.service.graph.quirks_of(user).expired
        expired.insert(0, {"generation": generation, "kind": kind, "only": only, "folder": folder})
        self.service.db.set(f"expired {user['oid']}", expired)
        return {"generation": generation}

    def quirks(self, body: Json) -> Json:
        """Of the delta feed: empty_pages, replay, removed_reason, forget_returns, endless; and rebuild_mime."""
        quirks = self.service.graph.quirks_of(self.user_of(body))
        for name in ("empty_pages", "forget_returns", "endless", "rebuild_mime"):
            if name in body:
                setattr(quirks, name, bool(body[name]))
        quirks.replay = number(body, "replay", quirks.replay, 10**6)
        quirks.removed_reason = one_of(body, "removed_reason", quirks.removed_reason, ("deleted", "changed"))
        return {}

    def lifecycle(self, body: Json) -> Json:
        """`event` reauthorizationRequired, subscriptionRemoved or missed; or `silent` true/false: an outage."""
        subscriptions = self.service.subscriptions
        if "silent" in body:
            subscriptions.silent = bool(body["silent"])
            return {"silent": subscriptions.silent}
        events = ("reauthorizationRequired", "subscriptionRemoved", "missed")
        return {"told": subscriptions.lifecycle(self.user_of(body), one_of(body, "event", "missed", events))}

    def stop(self, body: Json) -> Json:
        """Nobody can connect; this API stays."""
        self.service.server.stop()
        return self.state(body)


def _trouble_json(one: Trouble) -> dict[str, object]:
    return {"id": one.id, "action": one.action, "path": one.path, "method": one.method, "account": one.account,
            "count": one.count, "skip": one.skip, "status": one.status}  # fmt: skip
