"""From a host name to a signed-in connection, step by step: `probe` runs the same steps one by one.

A password never goes over an unprotected connection unless `Security.NONE` was asked for by name. Secrets appear in no
error: what the server answered is kept, what was sent is not.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence

from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsUser, ProviderError, Transient
from threadline.providers.contract import Security, ServerSettings, TokenSource
from threadline.providers.imap import commands
from threadline.providers.imap.channel import Channel, Part, Refused
from threadline.providers.imap.errors import Phase, error_for
from threadline.providers.imap.parse import Continue, Data, Status


def greet(channel: Channel) -> Status:
    """Reads the greeting: OK or PREAUTH."""
    while True:
        found = channel.receive()
        if isinstance(found, Status) and found.kind in ("OK", "PREAUTH") and not found.tag:
            return found
        if not isinstance(found, Status) or found.tag:
            channel.close()
            raise Transient(
                "What answers on this port is not an IMAP server.",
                cause=Cause.NOT_A_MAIL_SERVER,
                answer=str(found)[:200],
            )
        if found.kind in ("NO", "BAD"):
            raise error_for(found, Phase.SIGN_IN)


def protect(channel: Channel, greeting: Status, context: ssl.SSLContext | None) -> None:
    """STARTTLS (RFC 9051 section 6.2.1). A server that does not offer it gets no password."""
    if greeting.kind == "PREAUTH":  # a greeting like this leaves no room for STARTTLS: what an eavesdropper would send
        raise _unprotected(greeting.answer)
    need_capabilities(channel)
    if "STARTTLS" not in channel.capabilities:
        raise _unprotected(" ".join(channel.capabilities))
    try:
        channel.run(b"STARTTLS")
    except Refused as refused:
        raise _unprotected(refused.status.answer) from refused
    channel.turn_to_tls(context)


def _unprotected(answer: str) -> Transient:
    return Transient(
        "The mail server does not offer an encrypted connection on this port, so no password was sent.",
        cause=Cause.PLAINTEXT_REFUSED,
        answer=answer[:500],
    )


def need_capabilities(channel: Channel) -> None:
    """Asks for the capabilities where the server has not named them by itself."""
    if not channel.capabilities:
        meaning(channel, b"CAPABILITY")


def sign_in(channel: Channel, settings: ServerSettings, tokens: TokenSource) -> None:
    """Signs in with what the token source has, then learns the capabilities anew."""
    if settings.security is not Security.NONE and not channel.protected:
        raise _unprotected("")
    need_capabilities(channel)
    announced = channel.capabilities
    channel.capabilities = ()
    try:
        token = tokens.access_token()
        if token is not None:
            _with_token(channel, announced, settings, token)
        else:
            _with_password(channel, announced, settings.username, tokens.password())
    except Refused as refused:
        raise error_for(refused.status, Phase.SIGN_IN, refused.notices) from refused
    need_capabilities(channel)


def _with_token(channel: Channel, announced: Sequence[str], settings: ServerSettings, token: str) -> None:
    user = settings.username
    if "AUTH=XOAUTH2" in announced:
        _authenticate(channel, announced, "XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01", goodbye=b"")
    elif "AUTH=OAUTHBEARER" in announced:
        # RFC 7628 section 3.1; the name is escaped as in GS2 (RFC 5801).
        name = user.replace("=", "=3D").replace(",", "=2C")
        message = f"n,a={name},\x01host={settings.host}\x01port={settings.port}\x01auth=Bearer {token}\x01\x01"
        _authenticate(channel, announced, "OAUTHBEARER", message, goodbye=b"AQ==")
    else:
        raise NeedsUser(
            "The mail server does not offer this way to sign in (any more).",
            cause=Cause.CREDENTIALS_REJECTED,
            certain=False,
            answer="no AUTH=XOAUTH2 and no AUTH=OAUTHBEARER announced",
        )


def _with_password(channel: Channel, announced: Sequence[str], user: str, password: str) -> None:
    if "AUTH=PLAIN" in announced and "\x00" not in user + password:
        try:
            _authenticate(channel, announced, "PLAIN", f"\x00{user}\x00{password}", goodbye=b"*")
        except Refused as refused:
            # BAD without a code is a server that announces PLAIN and does not know it; NO is its verdict.
            plain_bad = refused.status.kind == "BAD" and not refused.status.code
            unknown = error_for(refused.status, Phase.SIGN_IN).cause is Cause.UNKNOWN
            if not (plain_bad and unknown) or "LOGINDISABLED" in announced:
                raise
        else:
            return
    if "LOGINDISABLED" in announced:
        raise NeedsUser(
            "The mail server only takes a password over an encrypted connection.",
            cause=Cause.PLAINTEXT_REFUSED,
            answer="LOGINDISABLED",
        )
    channel.run(b"LOGIN ", commands.astring(user), b" ", commands.astring(password))


def _authenticate(channel: Channel, announced: Sequence[str], mechanism: str, message: str, *, goodbye: bytes) -> None:
    """A SASL exchange of one message. `goodbye` answers the challenge after a refusal (RFC 7628 section 3.2.3)."""
    response = base64.b64encode(message.encode("utf-8"))
    at_once = "SASL-IR" in announced
    command = f"AUTHENTICATE {mechanism}".encode()
    tag = channel.send(command + b" " + response if at_once else command)
    sent = at_once
    for found in channel.answers(tag):
        if isinstance(found, Continue):
            channel.write_line(goodbye if sent else response)
            sent = True


def introduce(channel: Channel, client: Mapping[str, str]) -> None:
    """ID where announced (Gmail asks for it; 163 and QQ refuse folders without), QRESYNC or CONDSTORE switched on.

    iCloud (XAPPLEPUSHSERVICE) announces QRESYNC and sends VANISHED malformed: it is left at CONDSTORE.
    """
    wanted: list[Part] = []
    if "ID" in channel.capabilities:
        wanted.append(commands.identification(client))
    if uses_qresync(channel):
        wanted.append(b"ENABLE QRESYNC")
    for tag in [channel.send(command) for command in wanted]:
        try:
            channel.collect(tag)
        except Refused:
            continue  # neither is needed: ID is a courtesy, and without ENABLE the server sends no VANISHED


def uses_qresync(channel: Channel) -> bool:
    return "QRESYNC" in channel.capabilities and "XAPPLEPUSHSERVICE" not in channel.capabilities


def meaning(channel: Channel, *parts: Part) -> list[Data]:
    """Runs a command; a refusal becomes the error that says who must act."""
    try:
        return channel.run(*parts)
    except Refused as refused:
        raise refusal(channel, refused) from refused


def refusal(channel: Channel, refused: Refused) -> ProviderError:
    return error_for(refused.status, channel.phase, refused.notices)
