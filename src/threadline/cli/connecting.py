"""threadline mailbox add, reconnect and disconnect

The mail server is shown before a password is asked for. Nothing is stored of a sign-in that was not accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from threadline.cli.commands import PORT, Command, ask_secret, company_option, password_options, read_secret
from threadline.cli.output import count, note, result
from threadline.domain.errors import ProviderError
from threadline.services import accounts, connect
from threadline.services.errors import Invalid
from threadline.services.sessions import Credentials, has_stored
from threadline.storage.models import Link, Mailbox, User

PROTECTION = {"tls": "TLS", "starttls": "STARTTLS", "none": "no encryption"}


def named(address: str, company_name: str | None) -> Mailbox:
    return connect.mailbox_named(address, accounts.company_named(company_name) if company_name else None)


@click.command(cls=Command)
@click.argument("address")
@click.option("--user", "user_email", metavar="EMAIL", required=True, help="Whose mailbox it is.")
@click.option("--imap-host", metavar="HOST", help="The mail server; found from the address when left out.")
@click.option("--imap-port", metavar="PORT", type=PORT, help="Default: 993, or 143 without TLS.")
@click.option("--imap-security", type=click.Choice(tuple(PROTECTION)), help="Default: tls.")
@click.option("--username", metavar="NAME", help="To sign in with; usually the address.")
@password_options
@company_option
def add(
    address: str,
    user_email: str,
    imap_host: str | None,
    imap_port: int | None,
    imap_security: str | None,
    username: str | None,
    password_file: Path | None,
    token_file: Path | None,
    company_name: str | None,
) -> None:
    """Connect a mailbox: sign in at its mail server. Does not refresh."""
    if not imap_host and (imap_port or imap_security):
        raise click.UsageError("--imap-port and --imap-security need --imap-host.")
    owner = _owner(user_email, company_name)
    if imap_host:
        server = connect.server(imap_host, imap_port, imap_security or "tls", username or address)
    else:
        found = connect.detect(address)
        if found.provider == "graph":
            note("Found: a Microsoft 365 mailbox. It signs in at Microsoft, in a browser.")
            _connected(_at_microsoft(address, owner, None))
            return
        server = _detected(found, username)
    note(f"Mail server: {server.host}, port {server.port}, {PROTECTION[server.security.value]}; as {server.username}.")
    if server.security.value == "none":
        note("Warning: without encryption, everybody on the way can read the password and the emails.")
    credentials = _given(password_file, token_file) or Credentials(ask_secret(f"Password of {server.username}"))
    with _for_whom_is_at_it():
        mailbox = connect.add(address, owner, server, credentials, door="command")
    _connected(mailbox)


def _connected(mailbox: Mailbox) -> None:
    result(
        connect.status(mailbox),
        f"Connected {mailbox.address}. Nothing was fetched yet: threadline mailbox refresh {mailbox.address}",
    )


def _at_microsoft(address: str, owner: User, mailbox: Mailbox | None) -> Mailbox:
    from threadline.cli import microsoft  # noqa: PLC0415  brings HTTP, which no other command needs

    return microsoft.sign_in(address, owner, mailbox)


def _owner(email: str, company_name: str | None) -> User:
    """A user is of one company only; --company is checked against it."""
    owner = accounts.user_named(email)
    if company_name and accounts.company_named(company_name) != owner.company:
        raise Invalid(f"{owner.email} is a user of {owner.company.name}, not of {company_name}.", field="company")
    return owner


@contextmanager
def _for_whom_is_at_it() -> Iterator[None]:
    """A failure says what to do now: there is no refresh yet that would try again."""
    try:
        yield
    except ProviderError as error:
        raise click.ClickException(connect.sentence_while_connecting(error)) from error


def _detected(found: connect.Found, username: str | None) -> connect.MailServer:
    if not found.servers:
        raise Invalid(found.hint or f"We did not find the mail server of {found.address}.", field="address")
    best = found.servers[0]
    if not found.protected:
        raise Invalid(
            f"We found {best.host}, port {best.port}, but in a way that could have been forged. If your mail host says "
            f"the same, name it: --imap-host {best.host} --imap-port {best.port} "
            f"--imap-security {best.security.value}",
            field="address",
        )
    note(f"Found by: {found.source}.")
    if found.hint:
        note(found.hint)
    return connect.server(best.host, best.port, best.security.value, username or best.username)


def _given(password_file: Path | None, token_file: Path | None) -> Credentials | None:
    if password_file and token_file:
        raise click.UsageError("--password-file and --token-file contradict each other.")
    if password_file:
        return Credentials(read_secret(password_file, "--password-file"))
    if token_file:
        return Credentials(read_secret(token_file, "--token-file").strip(), kind="access_token")
    return None


@click.command(cls=Command)
@click.argument("address")
@password_options
@company_option
def reconnect(address: str, password_file: Path | None, token_file: Path | None, company_name: str | None) -> None:
    """Sign in again, in place: nothing is lost and nothing comes twice. Without a password the stored one is tried."""
    mailbox = named(address, company_name)
    credentials = _given(password_file, token_file)
    if mailbox.provider == "graph":
        if credentials is not None:
            raise Invalid(f"{mailbox.address} signs in at Microsoft; it takes no password or token.", field="password")
        account = mailbox.settings.get("account") or mailbox.address
        _connected_again(_at_microsoft(account, mailbox.owner, mailbox))
        return
    if credentials is None and not has_stored(mailbox):
        credentials = Credentials(ask_secret(f"Password of {mailbox.settings['username']}"))
    with _for_whom_is_at_it():
        mailbox = connect.reconnect(mailbox, credentials, user=None, door="command")
    _connected_again(mailbox)


def _connected_again(mailbox: Mailbox) -> None:
    result(
        connect.status(mailbox),
        f"Connected {mailbox.address} again. The next refresh fills the gap: "
        f"threadline mailbox refresh {mailbox.address}",
    )


@click.command(cls=Command)
@click.argument("address")
@company_option
def disconnect(address: str, company_name: str | None) -> None:
    """Stop access and forget the password. Emails, profiles and people stay."""
    mailbox = named(address, company_name)
    connect.disconnect(mailbox, user=None, door="command")
    held = mailbox.copies.values("message_id").distinct().count()
    shown = (
        Link.objects.filter(message__copies__mailbox=mailbox, detached=False).values("message_id").distinct().count()
    )
    secret = "sign-in" if mailbox.provider == "graph" else "password"
    result(
        connect.status(mailbox),
        f"Disconnected {mailbox.address}. Its {secret} was forgotten. "
        f"Held here, now as before: {count(held, 'email')}; on profiles: {shown:,}. "
        "Attachments that were not opened stay at the mail server.",
    )
