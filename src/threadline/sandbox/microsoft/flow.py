"""A sign-in under way, and the way it ends: back at the application."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode

from threadline.sandbox.microsoft.web import Answer, as_html, redirect


@dataclass(slots=True)
class Flow:
    """A sign-in under way."""

    id: str
    tenant: str
    scopes: frozenset[str]
    redirect_uri: str
    state: str
    prompt: str
    hint: str
    mode: str
    challenge: str = ""
    nonce: str = ""
    admin: bool = False  # an administrator's consent for the whole tenant, not a sign-in
    user: str = ""  # oid, once it is known who signs in
    proven: bool = False  # the password was right, or the browser was signed in
    second: bool = False  # the second factor too


@dataclass(slots=True)
class Session:
    """A browser that somebody is signed in with."""

    user: str
    second: bool


def back(flow: Flow, values: dict[str, str]) -> Answer:
    """To the application, in the way it asked for."""
    if flow.state:
        values = values | {"state": flow.state}
    if flow.mode == "form_post":
        fields = "".join(f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in values.items())
        return as_html(
            f'<form method="post" action="{escape(flow.redirect_uri)}">{fields}</form>'
            "<script>document.forms[0].submit()</script>"
        )
    mark = "#" if flow.mode == "fragment" else "&" if "?" in flow.redirect_uri else "?"
    return redirect(flow.redirect_uri + mark + urlencode(values, quote_via=quote))
