"""Signing in, and the commands that concern the connection as a whole."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac

from threadline.sandbox.imap.session import FarewellError, RefusedError, Session, State
from threadline.sandbox.imap.syntax import Cursor, MalformedError


async def capability(session: Session, cursor: Cursor) -> str:
    cursor.end()
    session.send(f"* CAPABILITY {session.capabilities}\r\n".encode())
    return "Capability completed"


async def noop(session: Session, cursor: Cursor) -> str:
    cursor.end()
    if session.state is State.SELECTED:
        _ = session.opened  # NOOP is where a client learns that its folder has gone.
    return "Completed"


async def logout(session: Session, cursor: Cursor) -> str:
    cursor.end()
    session.leave_folder()
    session.send(b"* BYE Logging out\r\n")
    return "Logout completed"


async def identify(session: Session, cursor: Cursor) -> str:
    """ID (RFC 2971). What the client says about itself is read and forgotten."""
    cursor.space()
    if not cursor.skip(b"NIL"):
        cursor.expect(b"(")
        first = True
        while not cursor.skip(b")"):
            if not first:
                cursor.space()
            first = False
            if not cursor.skip(b"NIL"):
                cursor.string()
    cursor.end()
    session.send(b'* ID ("name" "Threadline sandbox")\r\n')
    return "ID completed"


async def login(session: Session, cursor: Cursor) -> str:
    cursor.space()
    name = cursor.astring()
    cursor.space()
    password = cursor.astring()
    cursor.end()
    return _sign_in(session, name, password)


async def authenticate(session: Session, cursor: Cursor) -> str:
    """AUTHENTICATE PLAIN (RFC 4616), with an initial response where the client sends one (RFC 4959)."""
    cursor.space()
    mechanism = cursor.atom()
    if mechanism != b"PLAIN":
        raise RefusedError("Unsupported authentication mechanism", "CANNOT")
    if cursor.skip(b" "):
        encoded = b"" if cursor.skip(b"=") else cursor.astring()
        cursor.end()
    else:
        cursor.end()
        session.send(b"+ \r\n")
        await session.flush()
        encoded = (await session.line()).strip()
    if encoded == b"*":
        raise MalformedError("Authentication aborted by client")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise MalformedError("Invalid base64 data in the response") from None
    pieces = decoded.split(b"\x00")
    if len(pieces) != 3:
        raise MalformedError("Invalid PLAIN response")
    return _sign_in(session, pieces[1], pieces[2])


def _sign_in(session: Session, name: bytes, password: bytes) -> str:
    account = session.store.account(name.decode("utf-8", "replace"))
    expected = account.password.encode() if account else b""
    if not hmac.compare_digest(password, expected) or account is None:
        raise RefusedError("Authentication failed.", "AUTHENTICATIONFAILED")
    session.account = account
    return f"[CAPABILITY {session.capabilities}] Logged in"


async def enable(session: Session, cursor: Cursor) -> str:
    wanted: list[bytes] = []
    while not cursor.at_end:
        cursor.space()
        wanted.append(cursor.atom())
    if not wanted:
        raise MalformedError("Missing arguments")
    enabled = b""
    if b"CONDSTORE" in wanted and session.options.condstore:
        session.condstore = True
        enabled = b" CONDSTORE"
    session.send(b"* ENABLED" + enabled + b"\r\n")
    return "Enabled"


async def namespace(session: Session, cursor: Cursor) -> str:
    cursor.end()
    session.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return "Namespace completed"


async def idle(session: Session, cursor: Cursor) -> str:
    """IDLE (RFC 2177): tell what happens as it happens, until the client says DONE."""
    cursor.end()
    session.send(b"+ idling\r\n")
    waiting = asyncio.ensure_future(session.line())
    try:
        while not waiting.done():
            await session.flush()
            if session.selected is None:
                await asyncio.wait({waiting})
                break
            opened = session.opened
            bell = asyncio.ensure_future(opened.wake.wait())
            await asyncio.wait({waiting, bell}, return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()
            if session.opened is opened and opened.wake.is_set():
                session.send(opened.updates(with_expunges=True, with_modseq=session.condstore))
        said = await waiting
    finally:
        waiting.cancel()
    if said.strip().upper() != b"DONE":
        raise FarewellError("Expected DONE")
    return "Idle completed"
