"""The troubles of the demo's Microsoft 365: what each does, and what to look at afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threadline.services import demo
from threadline.web.start.control import Sandbox
from threadline.web.start.troubles import Trouble

_ANOTHER = "another-elin-demo"
_REFRESH = "Connect it in Settings if it is not, and press Refresh on its card"
_AGAIN = "the state becomes “Sign in again”, and one click mends it. Nothing is lost and nothing comes twice."


def _account(sandbox: Sandbox) -> dict[str, Any]:
    """Whose mailbox it is, as it is now."""
    accounts: list[dict[str, Any]] = sandbox.get("microsoft/accounts")["accounts"]
    return next(account for account in accounts if not account["admin"])


def _password(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    address = _account(sandbox)["address"]
    account = sandbox.post("microsoft/password", account=address, password=_ANOTHER)
    return f"The password of {address} is now {account['password']}. {_REFRESH}: {_AGAIN}"


def _revoke(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    address = _account(sandbox)["address"]
    sandbox.post("microsoft/revoke", account=address)
    return f"{address} was signed out everywhere. {_REFRESH}: {_AGAIN}"


def _mfa(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    account = _account(sandbox)
    off = account["mfa"] == "off"
    sandbox.post("microsoft/mfa", account=account["address"], demand="required" if off else "off")
    if off:
        sandbox.post("microsoft/challenge", account=account["address"])
        return f"The organisation now wants every sign-in confirmed by a second step. {_REFRESH}: {_AGAIN}"
    return "A sign-in needs no second step any more."


def _consent(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    address = _account(sandbox)["address"]
    sandbox.post("microsoft/withdraw_consent", account=address)
    sandbox.post("microsoft/challenge", account=address)
    return f"The permission to read {address} was withdrawn. {_REFRESH}: {_AGAIN}"


def _approval(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    account = _account(sandbox)
    off = account["admin_consent"] == "off"
    sandbox.post("microsoft/admin_approval", account=account["address"], mode="required" if off else "off")
    if off:
        sandbox.post("microsoft/withdraw_consent", account=account["address"])
        return (
            "From now on only an administrator may allow the access. Connect the mailbox, or sign in again: Microsoft "
            "says “Need admin approval”, and Threadline has the message for IT ready, and waits."
        )
    return "Everybody may allow the access for themselves again."


def _grant(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    sandbox.post("microsoft/grant_admin_consent", account=_account(sandbox)["address"])
    return (
        "The administrator has allowed it for everybody. Threadline asks Microsoft every quarter of an hour and then "
        "tells who waits; the link of the message for IT tells it at once."
    )


def _secret(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    expire = not sandbox.get("microsoft/state")["secret_expired"]
    sandbox.post("microsoft/secret", state="expired" if expire else "valid")
    if expire:
        sandbox.post("microsoft/challenge", account=_account(sandbox)["address"])
        return (
            f"The client secret of this installation has expired. {_REFRESH}: the mailbox keeps its state, nobody is "
            "asked to sign in, and the Company page says what the operator has to do."
        )
    return "The client secret is good again. The next try succeeds, and the notice on the Company page goes."


def _moved(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    account = _account(sandbox)
    away = account["kind"] == "cloud"
    sandbox.post("microsoft/user", account=account["address"], kind="on_premises" if away else "cloud")
    if away:
        return f"The mailbox of {account['address']} now lies on a server of the company. {_REFRESH}: it says so."
    return f"The mailbox of {account['address']} is in Microsoft 365 again. Press “Check again” on its card."


def _days(_: Sandbox, __: Mapping[str, str]) -> str:
    demo.let_days_pass(90)
    return (
        "Ninety days have passed for Threadline and for Microsoft, with nobody at work. The sign-in was not used, so "
        "Microsoft has ended it: in a few seconds the card says so, and one click renews it."
    )


def _throttle(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    sandbox.post("microsoft/fault", path="/v1.0/", action="answer", status=429, count=3, headers={"Retry-After": "120"})
    return f"The next three requests are told to wait for two minutes. {_REFRESH}: we wait, and nobody has to act."


MICROSOFT_TROUBLES: Mapping[str, Trouble] = {
    "microsoft-password": Trouble(
        "Change the Microsoft password", "The account gets a new password, and Microsoft ends what was granted before.",
        "New password", "key", _password,
    ),
    "microsoft-revoke": Trouble(
        "Sign out everywhere", "As the owner or an administrator does after a lost phone.", "Sign out", "key", _revoke
    ),
    "microsoft-mfa": Trouble(
        "Demand a second step", "Every sign-in has to be confirmed on a phone, until you press this again.",
        "Demand it", "shield", _mfa,
    ),
    "microsoft-consent": Trouble(
        "Withdraw the permission", "Nobody of the organisation has allowed the access any more.", "Withdraw it",
        "cross", _consent,
    ),
    "microsoft-approval": Trouble(
        "Need admin approval", "Only an administrator may allow the access, until you press this again.",
        "Only the administrator", "shield", _approval,
    ),
    "microsoft-grant": Trouble(
        "Be the administrator", "The access is allowed for everybody of the organisation.", "Allow it", "check", _grant
    ),
    "microsoft-secret": Trouble(
        "Let our secret expire", "Microsoft refuses this installation itself, until you press this again.",
        "Expire it", "break", _secret,
    ),
    "microsoft-moved": Trouble(
        "Move the mailbox away", "It lies on a server of the company, until you press this again.", "Move it", "server",
        _moved,
    ),
    "microsoft-days": Trouble(
        "Let 90 days pass", "The clock of the whole demo goes 90 days forward at once.", "Let them pass", "clock", _days
    ),
    "microsoft-throttle": Trouble(
        "Let Microsoft slow us down", "The next three requests are answered with “too many requests”.", "Slow us down",
        "clock", _throttle,
    ),
}  # fmt: skip


def switched(sandbox: Sandbox) -> set[str]:
    """Those that stay as they are until they are pressed again, and are on."""
    account, state = _account(sandbox), sandbox.get("microsoft/state")
    on = {
        "microsoft-mfa": account["mfa"] != "off",
        "microsoft-approval": account["admin_consent"] != "off",
        "microsoft-secret": state["secret_expired"],
        "microsoft-moved": account["kind"] != "cloud",
    }
    return {slug for slug, is_on in on.items() if is_on}
