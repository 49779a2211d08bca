"""A stand-in for Microsoft 365: Entra v2.0 and Microsoft Graph mail, on one port of loopback, with its mail in a file.

Starting it:

    python -m threadline.sandbox --data DIR --ready-file FILE [--microsoft-port N] [--empty] [--only microsoft]
                                 [--microsoft-tls PEM] [--tls-cert PEM]

`--empty` makes no demo accounts, `--only microsoft` starts no IMAP server, `--microsoft-tls` (PEM of certificate and
key) serves HTTPS, which msal insists on. The ready file holds, beside `control_port` and `token_path`:

    "microsoft": {"port": 40145, "login_url": "http://127.0.0.1:40145", "graph_url": "http://127.0.0.1:40145",
                  "client_id": "...", "client_secret": "...",
                  "accounts": [{"address", "password", "name", "user_principal_name", "oid", "tid", ...}]}

Neither address carries a path. Entra is at `{login_url}/{common|organizations|TENANT}/oauth2/v2.0/authorize` and
`/token`, `/v2.0/adminconsent`, `/v2.0/.well-known/openid-configuration`, `/discovery/v2.0/keys` beside it; Graph at
`{graph_url}/v1.0/me/...`; autodiscover at `{login_url}/autodiscover/autodiscover.json?Email=A&Protocol=ActiveSync`.
Redirect URIs on this machine are all allowed until some are registered (`redirects`).

Making things happen: `POST http://127.0.0.1:{control_port}/v1/microsoft/VERB` with JSON and
`Authorization: Bearer TOKEN` (the content of `token_path`), or GET for what only looks. `account` is an address.

    GET  state, accounts, folders {account}, messages {account, folder, limit}, log {since, path}, notifications
    POST account              {"address": "anna@acme.example", "password": "secret", "admin": false, "kind": "cloud"}
    POST deliver              {"account", "folder": "inbox", "mime": "From: ...", "at": "2026-03-02T09:30:00Z", "read"}
    POST deliver_many         {"account", "folder", "messages": [{"mime_base64", "at", "read"}]}
    POST move                 {"account", "id": ANY_ID or "message_id", "to": "Clients/Acme"}
    POST delete, read         {"account", "id" or "message_id", "read": true}
    POST folder, rename, delete_folder   {"account", "name": "Clients/Acme"}, {"account", "folder", "to"}
    POST password             {"account", "password", "keep_tokens": false}       refresh tokens: 50173
    POST revoke               {"account", "code": 50173}
    POST mfa                  {"account", "demand": "required|enroll|off", "error": "interaction_required"}
    POST challenge            {"account"}      access tokens issued before get 401 insufficient_claims (cp1 clients)
    POST user                 {"account", "kind": "cloud|on_premises|unlicensed|soft_deleted|guest|shared",
                               "state": "active|disabled|deleted"}
    POST withdraw_consent     {"account"}                                         refresh tokens: 65001
    POST admin_approval       {"account", "mode": "required|workflow|off"}        "Need admin approval"
    POST grant_admin_consent  {"account", "scopes": "openid ... Mail.Read"}
    POST secret               {"state": "valid|expired|replaced", "certificate": PEM}   7000222, 7000215, 700027
    POST redirects            {"uris": ["http://127.0.0.1:8000/connect/microsoft/back"]}
    POST token_error          {"code": 70043, "account", "count": 1, "error": ""}  any code of the table in `aadsts`
    POST rotation             {"on": false}
    POST throttle             {"concurrent": 4, "requests": 10000, "latency_ms": 50, "retry_after": 10}
    POST fault                {"path": "messages/delta", "method": "GET", "account", "count": 1, "skip": 0,
                               "action": "answer|truncate|break_json|hang|delay|drop|cut",
                               "status": 503, "headers": {"Retry-After": "2"}, "code", "body", "delay_ms",
                               "each": true}                with count -1: every address fails once
    POST clear_faults         {}
    POST expire_deltas        {"account", "kind": "gone|not_found|resync_required|invalid",
                               "only": "all|next|delta", "folder"}
    POST quirks               {"account", "empty_pages": true, "replay": 3, "removed_reason": "changed",
                               "forget_returns": true, "endless": true, "rebuild_mime": true}
    POST lifecycle            {"account", "event": "missed|subscriptionRemoved|reauthorizationRequired"},
                              or {"silent": true}
    POST clear_log, stop, start, empty

`THREADLINE_NOW_FILE` moves its clock. Refresh tokens die 90 days after they were issued.
"""

from threadline.sandbox.microsoft.control import MicrosoftControl
from threadline.sandbox.microsoft.lookup import account_json
from threadline.sandbox.microsoft.service import Microsoft

__all__ = ["Microsoft", "MicrosoftControl", "account_json"]
