"""The sandbox as a process: mailboxes, an IMAP server and the control API, on loopback, until it is told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import secrets
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from threadline.sandbox import clock
from threadline.sandbox.control import Control, account_json
from threadline.sandbox.demo.seeding import seed_store
from threadline.sandbox.http import HttpServer
from threadline.sandbox.imap import ImapServer, Options, Store

_PR_SET_PDEATHSIG = 1


class InUseError(Exception):
    """Another sandbox runs over the same folder."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line asked for. A port of 0 means: the one of the last time, else any that is free."""

    data_dir: Path
    imap_port: int
    control_port: int
    ready_file: Path | None
    options: Options
    demo: bool = True
    watch_stdin: bool = False
    tls_certificate: Path | None = None  # PEM, certificate chain and key in one file


def run(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT, or the end of the parent process."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "sandbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"Another sandbox is running over {settings.data_dir}") from None
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _die_with_parent(stopping, watch_stdin=settings.watch_stdin)
    store = Store(settings.data_dir)
    if settings.demo:
        seed_store(store, settings.data_dir, clock.now())
    imap = ImapServer(store, options=settings.options, tls=_tls(settings.tls_certificate))
    token_file = settings.data_dir / "control.token"
    http = HttpServer(Control(imap), _token(token_file))
    remembered = _remembered(settings.data_dir)
    imap_port = await _listen(imap.start, settings.imap_port, remembered.get("imap_port", 0))
    control_port = await _listen(http.start, settings.control_port, remembered.get("control_port", 0))
    ports = {"imap_port": imap_port, "control_port": control_port}
    _write_json(settings.data_dir / "ports.json", ports)
    if settings.ready_file:
        accounts = [account_json(account) for account in store.accounts.values()]
        ready = {**ports, "host": "127.0.0.1", "token_path": str(token_file), "pid": os.getpid(), "accounts": accounts}
        _write_json(settings.ready_file, ready)
    await stopping.wait()
    http.stop()
    imap.stop()
    await asyncio.sleep(0.05)  # lets the dropped sessions end before the files close under them
    store.close()


def _tls(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def _listen(start: Callable[[int], Awaitable[int]], wanted: int, remembered: int) -> int:
    """A port that was asked for must be free. The remembered one is only preferred."""
    if wanted or not remembered:
        return await start(wanted)
    try:
        return await start(remembered)
    except OSError:
        return await start(0)


def _die_with_parent(stopping: asyncio.Event, *, watch_stdin: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if watch_stdin:
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                stopping.set()

        loop.add_reader(sys.stdin.fileno(), heard)


def _token(path: Path) -> str:
    """The token of the last time, so that a page that knows it goes on working; a new one the first time."""
    known = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not known:
        known = secrets.token_urlsafe(24)
        _write_private(path, known)
    return known


def _remembered(data_dir: Path) -> dict[str, int]:
    try:
        found = json.loads((data_dir / "ports.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int) and 0 < port < 65536}


def _write_json(path: Path, value: object) -> None:
    _write_private(path, json.dumps(value, indent=2) + "\n")


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and for nobody else to read."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
