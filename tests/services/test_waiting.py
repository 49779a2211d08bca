"""A person who waits for a mail server does not wait for ever, and others go on meanwhile."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.services.world import World
from threadline.domain.errors import Throttled, Transient
from threadline.providers.contract import Security, ServerSettings
from threadline.services import sessions
from threadline.services.sessions import Credentials


def _drip(listener: socket.socket) -> None:
    """Signs everybody in, then says something harmless now and then and never finishes a command."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as commands:
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n")
        tag = commands.readline().split()[0]
        connection.sendall(tag + b" OK [CAPABILITY IMAP4rev1] in\r\n")
        try:
            while True:
                connection.sendall(b"* OK still working\r\n")
                time.sleep(0.1)
        except OSError:
            return


def test_a_server_that_drips_is_cut_off(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=(listener,), daemon=True).start()
        settings = ServerSettings("127.0.0.1", listener.getsockname()[1], Security.NONE, "alice")
        began = time.monotonic()
        with (
            pytest.raises(Transient),
            sessions.open_with("imap", settings, Credentials("x"), by_hand=True, timeout=5.0, patience=1.0) as session,
        ):
            session.folders()
        assert time.monotonic() - began < 5


def test_only_a_few_wait_for_mail_servers_at_once(world: World) -> None:
    places = [sessions.waiting() for _ in range(sessions.MOST_WAITING)]
    for place in places:
        place.__enter__()
    try:
        with pytest.raises(Throttled, match="Try again"):
            sessions.waiting().__enter__()
    finally:
        for place in places:
            place.__exit__(None, None, None)
    with sessions.waiting():
        pass
