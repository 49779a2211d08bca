"""The sandbox as a process: an IMAP server, a stand-in for Microsoft 365 and the control API, on loopback."""

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
from threadline.sandbox.control import Control, accounts_json
from threadline.sandbox.demo.microsoft import seed_microsoft
from threadline.sandbox.demo.seeding import seed_store
from threadline.sandbox.http import HttpServer
from threadline.sandbox.imap import ImapServer, Options, Store
from threadline.sandbox.microsoft import Microsoft, MicrosoftControl
from threadline.sandbox.microsoft import account_json as microsoft_account_json

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
    microsoft_port: int = 0
    microsoft_tls: Path | None = None
    only: str = ""  # imap or microsoft: the other one does not listen


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
    microsoft = Microsoft(settings.data_dir, _tls(settings.microsoft_tls))
    if settings.demo and settings.only != "imap":
        seed_microsoft(microsoft, clock.now())
    token_file = settings.data_dir / "control.token"
    http = HttpServer(Control(imap, MicrosoftControl(microsoft)), _token(token_file))
    ports = await _start_servers(settings, imap, microsoft, http)
    taken = {name: port for name, port in ports.items() if port}
    _write_json(settings.data_dir / "ports.json", _remembered(settings.data_dir) | taken)
    if settings.ready_file:
        ready = {**ports, **_ready(store, microsoft), "token_path": str(token_file), "pid": os.getpid()}
        _write_json(settings.ready_file, ready)
    await stopping.wait()
    http.stop()
    imap.stop()
    microsoft.stop()
    await asyncio.sleep(0.05)  # lets the dropped sessions end before the files close under them
    store.close()
    microsoft.close()


async def _start_servers(
    settings: Settings, imap: ImapServer, microsoft: Microsoft, http: HttpServer
) -> dict[str, int]:
    """Let each listen that is wanted; the ports, 0 for one that does not."""
    remembered = _remembered(settings.data_dir)
    ports = dict.fromkeys(("imap_port", "control_port", "microsoft_port"), 0)
    if settings.only != "microsoft":
        ports["imap_port"] = await _listen(imap.start, settings.imap_port, remembered.get("imap_port", 0))
    if settings.only != "imap":
        ports["microsoft_port"] = await _listen(
            microsoft.server.start, settings.microsoft_port, remembered.get("microsoft_port", 0)
        )
    ports["control_port"] = await _listen(http.start, settings.control_port, remembered.get("control_port", 0))
    return ports


def _ready(store: Store, microsoft: Microsoft) -> dict[str, object]:
    """What the ready file says about the servers."""
    entra = microsoft.directory
    found: dict[str, object] = {
        "host": "127.0.0.1",
        "accounts": accounts_json(store),
    }
    if microsoft.server.running:
        found["microsoft"] = {
            "port": microsoft.server.port,
            "login_url": microsoft.server.base,
            "graph_url": microsoft.server.base,
            "client_id": entra.client_id,
            "client_secret": entra.client_secret,
            "accounts": [microsoft_account_json(microsoft, user) for user in entra.users()],
        }
    return found


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
