"""Signing in at Microsoft from a terminal: a link is printed, a browser opens it, and the command waits.

Where the pages of this installation run, Microsoft sends the browser back to them and nothing else is to be done. Where
they do not, the browser ends at an address that does not answer; that address, pasted here, finishes it as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import click

from threadline.cli.commands import ask_secret
from threadline.cli.output import link, note
from threadline.clock import now
from threadline.domain.errors import ProviderError
from threadline.services import connect, serving
from threadline.services.errors import Invalid
from threadline.services.microsoft import signing_in
from threadline.services.microsoft.answers import Returned
from threadline.storage.models import Mailbox, SignIn, User

LOOK_EVERY = 0.5  # seconds


def sign_in(address: str, owner: User, mailbox: Mailbox | None) -> Mailbox:
    """Print the link and wait for how it ends. Raises ClickException with a sentence where no mailbox is connected."""
    with _in_a_sentence():
        begun = signing_in.begin(owner, address, mailbox=mailbox, door="command")
    link(begun.url, "Open this link in a browser and sign in at Microsoft:")
    if serving.is_running() or serving.is_elsewhere():
        note("Waiting for the sign-in. Ctrl-C gives up; nothing is changed then.")
        row = _wait_for(begun.row)
    else:
        row = _pasted(begun.row)
    if row.outcome == SignIn.Outcome.CONNECTED and row.mailbox is not None:
        return row.mailbox
    raise click.ClickException(_said(row))


def _wait_for(row: SignIn) -> SignIn:
    while True:
        found = SignIn.objects.select_related("mailbox__company", "mailbox__owner").filter(pk=row.pk).first()
        if found is None:
            raise click.ClickException("The sign-in was taken back by somebody else. Nothing was changed.")
        if found.outcome:
            return found
        if found.is_stale(now()):
            raise click.ClickException("Nobody signed in within an hour. Nothing was changed; run the command again.")
        time.sleep(LOOK_EVERY)


def _pasted(row: SignIn) -> SignIn:
    note(
        "The pages of this installation do not run, so the browser will end at an address that does not answer, "
        f"beginning with {row.redirect_uri}. Copy that whole address from the browser and paste it here. (Or start "
        "`threadline serve` first, and nothing has to be pasted.)"
    )
    pasted = ask_secret("The address the browser ended at") if sys.stdin.isatty() else sys.stdin.readline()
    given = urlsplit(pasted.strip())
    with _in_a_sentence():
        returned = Returned.of(dict(parse_qsl(given.query)))
        if not given.query or signing_in.found(returned).pk != row.pk:
            raise Invalid("That is not the address this sign-in ended at. Nothing was changed; run the command again.")
        return signing_in.finish(row, returned, user=None, session="")


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        raise click.ClickException(connect.sentence_while_connecting(error)) from error


def _said(row: SignIn) -> str:
    if row.outcome == SignIn.Outcome.APPROVAL:
        return (
            f"{row.sentence} The page of the mailbox has a message for IT ready, and tells its owner when the approval "
            f"is there; or run this again then: threadline mailbox reconnect {row.address}"
        )
    return f"{row.sentence} The command has ended; run it again for a new link."
