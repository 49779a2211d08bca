"""The HTML of the sign-in. Plain on purpose: it says that it is a stand-in, and copies nobody's design."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
*{box-sizing:border-box}body{margin:0;background:#eef1f5;color:#1b1f24;font:16px/1.5 system-ui,sans-serif}
main{max-width:27rem;margin:8vh auto;background:#fff;border-radius:12px;padding:2rem;box-shadow:0 2px 14px #0002}
h1{font-size:1.35rem;margin:.2rem 0 1rem}p{margin:.5rem 0}small,.who{color:#5a6472}ul{padding-left:1.2rem}
.sandbox{font-size:.8rem;color:#5a6472;border-bottom:1px solid #e3e7ec;padding-bottom:.6rem;margin-bottom:1rem}
.wrong{color:#a4262c}button{font:inherit;padding:.55rem 1rem;border-radius:7px;border:1px solid #c4ccd6;background:#fff;
cursor:pointer}button.main{background:#1f5fbf;border-color:#1f5fbf;color:#fff}button:focus-visible,input:focus-visible{
outline:3px solid #7fb0f5;outline-offset:1px}button.row{display:block;width:100%;text-align:left;margin:.4rem 0}
button.link{border:0;padding:0;text-align:left;color:#1f5fbf;text-decoration:underline;background:none}
input[type=text],input[type=password]{font:inherit;width:100%;padding:.5rem .6rem;border:1px solid #9aa5b3;
border-radius:7px;margin:.2rem 0 .8rem}.buttons{display:flex;gap:.6rem;justify-content:flex-end;margin-top:1.2rem}
"""
_SENTENCES = {
    "openid": "Sign you in",
    "profile": "View your basic profile",
    "email": "View your email address",
    "offline_access": "Maintain access to data you have given it access to",
    "User.Read": "Sign you in and read your profile",
    "Mail.Read": "Read your mail",
    "Mail.ReadBasic": "Read your basic mail",
    "Mail.ReadWrite": "Read and write access to your mail",
    "Mail.Send": "Send mail as you",
}


def _page(title: str, inside: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><main>'
        '<div class="sandbox">Sandbox: this stands in for the sign-in of Microsoft 365</div>'
        f"<h1>{escape(title)}</h1>{inside}</main></body></html>"
    )


def _form(flow: str, step: str, inside: str) -> str:
    return (
        f'<form method="post" action="/common/login"><input type="hidden" name="flow" value="{escape(flow)}">'
        f'<input type="hidden" name="step" value="{step}">{inside}</form>'
    )


def _wrong(sentence: str) -> str:
    return f'<p class="wrong" role="alert">{escape(sentence)}</p>' if sentence else ""


def picker(flow: str, accounts: Sequence[tuple[str, str, str]], hint: str, sentence: str = "") -> str:
    """Which account; `accounts` are sign-in name, address and name."""
    rows = "".join(
        _form(flow, "account",
              f'<input type="hidden" name="account" value="{escape(upn)}">'
              f'<button class="row"><strong>{escape(name)}</strong><br>'
              f'<span class="who">{escape(mail)}</span></button>')
        for upn, mail, name in accounts
    )  # fmt: skip
    other = _form(
        flow, "account",
        '<p><label>Another account<input type="text" name="account" autocomplete="username" '
        f'value="{escape(hint)}"></label></p><div class="buttons"><button class="main">Next</button></div>',
    )  # fmt: skip
    return _page("Pick an account", _wrong(sentence) + rows + other + _cancel(flow))


def password(flow: str, upn: str, name: str, sentence: str = "") -> str:
    """The password."""
    inside = (
        f'{_wrong(sentence)}<p class="who">{escape(name)} · {escape(upn)}</p><label>Password<input type="password" '
        'name="passwd" autocomplete="current-password" autofocus></label>'
        '<div class="buttons"><button class="main">Sign in</button></div>'
    )
    return _page("Enter password", _form(flow, "password", inside) + _other(flow))


def second_factor(flow: str, upn: str, *, enroll: bool) -> str:
    """The second factor, or its set-up."""
    said = (
        "Your organization needs more information to keep your account secure: set up the Authenticator app."
        if enroll
        else "Open your Authenticator app and approve the request to sign in."
    )
    inside = (
        f'<p class="who">{escape(upn)}</p><p>{said}</p><div class="buttons">'
        '<button name="answer" value="deny">Deny</button>'
        '<button class="main" name="answer" value="approve">Approve</button></div>'
    )
    return _page("More information required" if enroll else "Approve sign in request", _form(flow, "second", inside))


def consent(flow: str, upn: str, scopes: Sequence[str], *, admin: bool, for_all: bool = False) -> str:
    """What the application asks for."""
    listed = "".join(f"<li>{escape(_SENTENCES.get(one, one))}</li>" for one in scopes)
    everybody = "" if for_all or not admin else (
        '<p><label><input type="checkbox" name="for_all" value="1"> Consent on behalf of your organization</label></p>'
    )  # fmt: skip
    note = "<p>If you accept, this app gets access for all users in your organization.</p>" if for_all else ""
    inside = (
        f'<p class="who">{escape(upn)}</p><p><strong>Threadline</strong> would like to:</p><ul>{listed}</ul>{note}'
        f'{everybody}<div class="buttons"><button name="answer" value="cancel">Cancel</button>'
        '<button class="main" name="answer" value="accept">Accept</button></div>'
    )
    title = "Permissions requested: review for your organization" if for_all else "Permissions requested"
    return _page(title, _form(flow, "consent", inside))


def approval(flow: str, upn: str, *, by_request: bool) -> str:
    """Only an administrator can consent."""
    who = f'<p class="who">{escape(upn)}</p>'
    if by_request:
        ask = _form(
            flow, "request",
            '<label>Enter justification for requesting this app<input type="text" name="reason"></label>'
            '<div class="buttons"><button class="main">Request approval</button></div>',
        )  # fmt: skip
        said = "<p><strong>Threadline</strong>: this app requires your admin's approval.</p>"
        return _page("Approval required", who + said + ask + _return(flow, "return"))
    said = (
        "<p><strong>Threadline</strong> needs permission to access resources in your organization that only an admin"
        " can grant. Please ask an admin to grant permission to this app before you can use it.</p>"
        "<p>Have an admin account?</p>"
    )
    return _page(
        "Need admin approval", who + said + _other(flow, "Sign in with that account") + _return(flow, "return")
    )


def request_sent(flow: str) -> str:
    """The administrators have been asked."""
    return _page("Request sent", "<p>Your request was sent to your admins.</p>" + _return(flow, "requested"))


def not_an_admin(flow: str, upn: str) -> str:
    """Somebody else's task."""
    said = f'<p class="who">{escape(upn)}</p><p>Only an administrator can consent on behalf of an organization.</p>'
    return _page("Need admin approval", said + _other(flow, "Sign in with an admin account") + _return(flow, "return"))


def problem(sentence: str) -> str:
    """Nothing can go on from here."""
    return _page("Sorry, but we're having trouble signing you in.", f'<p class="wrong">{escape(sentence)}</p>')


def _other(flow: str, text: str = "Use another account") -> str:
    return _form(flow, "other", f'<p><button class="link">{escape(text)}</button></p>')


def _return(flow: str, answer: str) -> str:
    return _form(
        flow, "consent",
        f'<p><button class="link" name="answer" value="{answer}">'
        "Return to the application without granting consent</button></p>",
    )  # fmt: skip


def _cancel(flow: str) -> str:
    return _form(flow, "cancel", '<p><button class="link">Cancel</button></p>')
