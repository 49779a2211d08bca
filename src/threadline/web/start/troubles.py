"""The troubles of the demo: what each does, and what to look at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from threadline.web.start.control import Sandbox


@dataclass(frozen=True)
class Trouble:
    title: str
    will: str  # what will happen
    button: str
    icon: str
    make: Callable[[Sandbox, Mapping[str, str]], str]  # what happened and what to look at


def _deliver(sandbox: Sandbox, form: Mapping[str, str]) -> str:
    people = {person["address"]: person for person in sandbox.get("people")["people"]}
    person = people.get(form.get("person", ""), next(iter(people.values())))
    chosen = {"name": person["name"], "address": person["address"]}
    account = form["account"]
    mail = sandbox.post("deliver", account=account, person=chosen, template=form.get("template", "thanks"))
    where = f"“{mail['subject']}” from {person['name']} is in the Inbox of {account} on the server. "
    if account in {imap["address"] for imap in sandbox.accounts}:
        return f"{where}It is not on a profile yet: press Refresh on the Emails page and see it come."
    return (
        f"{where}Where that mailbox is connected, Microsoft tells us, and an open Emails page of it says so within "
        "half a minute, by itself."
    )


def _file(sandbox: Sandbox, form: Mapping[str, str]) -> str:
    mail = sandbox.post("file", account=form["account"], to="Clients/Acme")
    return (
        f"“{mail['subject']}” is in Clients/Acme now. If it was on a profile it stays there, with a note after the "
        "next refresh. If it came in since the last refresh, ask why it is missing: the answer names the folder."
    )


def _password(sandbox: Sandbox, form: Mapping[str, str]) -> str:
    account = sandbox.post("password", account=form["account"])
    return (
        f"The password of {account['address']} is now {account['password']}. Press Refresh: it fails, and ten minutes "
        "later once more; then the state is “Sign in again”. Sign in with the new one in Settings, and all is well."
    )


def _stop(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    sandbox.post("stop")
    return (
        "The mail server is stopped. Press Refresh: the state becomes “Connected, catching up” and nobody is asked for "
        "anything. Start it again, and the next try succeeds."
    )


def _start(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    sandbox.post("start")
    return "The mail server runs again. Press Refresh, or wait for the next try: what came meanwhile comes in."


def _renumber(sandbox: Sandbox, form: Mapping[str, str]) -> str:
    folder = sandbox.post("uidvalidity", account=form["account"])
    return (
        f"All {folder['messages']} emails of the Inbox have new numbers (UIDVALIDITY {folder['uid_validity']}). Press "
        "Refresh: the folder is listed again, nothing is fetched twice, nothing is missing."
    )


def _throttle(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    on = sandbox.get("state")["throttle"] == "off"
    sandbox.post("throttle", mode="limit" if on else "off")
    if on:
        return (
            "The mail server now asks everyone to slow down. Press Refresh: we wait, and nobody is asked for anything."
        )
    return "The mail server answers at its usual pace again."


def _delay(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    slow = sandbox.get("state")["delay_ms"] == 0
    sandbox.post("delay", ms=300 if slow else 0)
    if slow:
        return "Every answer of the mail server now takes a third of a second. Press Refresh and watch the progress."
    return "The mail server is quick again."


def _cut(sandbox: Sandbox, _: Mapping[str, str]) -> str:
    sandbox.post("cut")
    return (
        "The next email that is fetched breaks off in its middle, once. Deliver one and press Refresh: the refresh "
        "says so, tries again by itself, and the email is there once."
    )


TROUBLES: Mapping[str, Trouble] = {
    "file": Trouble(
        "File the newest email", "The newest email of the Inbox moves to the folder Clients/Acme.", "File it", "folder",
        _file,
    ),
    "password": Trouble(
        "Change the password", "The mailbox gets a new password and open connections end, as after a security change.",
        "Change it", "key", _password,
    ),
    "stop": Trouble("Stop the mail server", "Nobody can connect until it is started again.", "Stop it", "break", _stop),
    "start": Trouble("Start the mail server", "It listens again, on the same port.", "Start it", "server", _start),
    "uidvalidity": Trouble(
        "Renumber the Inbox", "Every email of the Inbox gets a new number, as after a restore from a backup.",
        "Renumber it", "undo", _renumber,
    ),
    "throttle": Trouble(
        "Ask us to slow down", "Every command is answered with “too many requests”, until you press this again.",
        "Slow it down", "clock", _throttle,
    ),
    "delay": Trouble(
        "Be a slow server", "Every answer takes a third of a second, until you press this again.", "Slow it down",
        "clock", _delay,
    ),
    "cut": Trouble(
        "Break off in the middle", "The next email that is fetched breaks off halfway, once.", "Break it", "cross", _cut
    ),
    "deliver": Trouble("Deliver a new email", "It arrives in the Inbox on the server.", "Deliver it", "mail", _deliver),
}  # fmt: skip
