"""threadline serve: the pages and a worker; with --demo also a mail server to connect.

Everything it starts ends with it, also when it is killed.
"""

# ruff: noqa: PLC0415  the options decide about the environment, and only then may Django be loaded

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import click

from threadline.cli import demo_folder, keeping
from threadline.cli.commands import PORT, Starter
from threadline.cli.demo_folder import CannotServe
from threadline.cli.keeping import Keeper
from threadline.cli.preparation import prepare, prepare_store
from threadline.config.environment import read

START_TIMEOUT = 60.0  # seconds for the sandbox, which writes a year of mail at its first start
THREADS = 16
MOST_UPLOADED = 64 << 20  # bytes


class Stopped(Exception):
    """SIGTERM or Ctrl-C: the way out of the serving loop."""


@click.command(cls=Starter)
@click.option("--demo", is_flag=True, help="With a mail server, people and a year of mail to try everything on.")
@click.option("--port", type=PORT, help="The port of the pages (default: THREADLINE_PORT).")
def serve(demo: bool, port: int | None) -> None:
    """Start the pages and a worker, and serve until Ctrl-C."""
    if demo:
        os.environ["THREADLINE_DEMO"] = "1"
    if port is not None:
        os.environ["THREADLINE_PORT"] = str(port)
    environment = read()
    listener = _listen(environment["THREADLINE_HOST"], environment["THREADLINE_PORT"])
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    try:
        with ExitStack() as stack:
            stack.callback(listener.close)
            _serve(listener, environment, stack)
    except Stopped:
        click.echo("\nStopped. Everything is kept; start again at any time.")


def _stop(_: int, __: FrameType | None) -> None:
    raise Stopped


def _listen(host: str, port: int) -> socket.socket:
    """Bind first: a taken port is said before anything else happens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"Port {port} on {host} cannot be used: {(error.strerror or str(error)).lower()}. "
            f"Is Threadline running already? Choose another one with --port or THREADLINE_PORT."
        ) from None
    listener.listen(128)
    return listener


def _serve(listener: socket.socket, environment: dict[str, Any], stack: ExitStack) -> None:
    folder: Path = environment["THREADLINE_DATA_DIR"] / "sandbox"
    if environment["THREADLINE_DEMO"]:
        demo_folder.check(environment)
        # The pages' panel moves the clock of everything that is started here.
        os.environ.setdefault("THREADLINE_NOW_FILE", str(demo_folder.clock_file(environment["THREADLINE_DATA_DIR"])))
        _start_sandbox(folder, stack)
    prepare()
    import structlog

    from threadline.config import logging

    logging.to_terminal("WARNING" if environment["THREADLINE_DEMO"] else environment["THREADLINE_LOG_LEVEL"])
    prepare_store()
    address = environment["THREADLINE_BASE_URL"] or _address(listener)
    click.echo(_demo_greeting(folder, address) if environment["THREADLINE_DEMO"] else _greeting(address))
    from threadline.services import serving

    serving.announce(_address(listener))
    stack.callback(serving.withdraw)
    quiet = {"THREADLINE_LOG_LEVEL": "WARNING"} if environment["THREADLINE_DEMO"] else {}
    worker = Keeper(["threadline.cli", "worker"], os.environ | quiet, structlog.get_logger(__name__).error)
    stack.callback(worker.stop)
    worker.start()
    _serve_pages(listener)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104 - compared only
    return f"http://{host}:{port}"


def _start_sandbox(folder: Path, stack: ExitStack) -> None:
    """Start the demo's mail server and wait until it listens."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    click.echo("Starting the demo's mail server ...")
    command = ["threadline.sandbox", "--data", str(folder), "--ready-file", str(ready)]
    process = keeping.start(command, dict(os.environ))
    stack.callback(keeping.end, process)
    deadline = time.monotonic() + START_TIMEOUT
    while not ready.exists():
        if process.poll() is not None:
            raise CannotServe("The demo's mail server did not start; what it said stands above.")
        if time.monotonic() > deadline:
            raise CannotServe(f"The demo's mail server did not start within {START_TIMEOUT:.0f} seconds.")
        time.sleep(0.05)


def _greeting(address: str) -> str:
    from threadline.services import accounts

    if accounts.is_new():
        return (
            f"Threadline is at {address}\n"
            f"Set it up here (the address works once):\n  {address}/setup/?token={accounts.setup_token()}\n"
            "Ctrl-C stops it."
        )
    return f"Threadline is at {address}\nCtrl-C stops it."


def _demo_greeting(folder: Path, address: str) -> str:
    from threadline.services import demo

    user = demo.fill(folder)
    accounts = json.loads((folder / "ready.json").read_text(encoding="utf-8"))["accounts"]
    account = next(account for account in accounts if account["address"] == user.email)
    password = f"password: {demo.PASSWORD}" if user.check_password(demo.PASSWORD) else "with the password you chose"
    lines = [
        "",
        f"  Threadline    {address}",
        f"  Sign in       {user.email}   {password}",
        "",
    ]
    if demo.is_connected(account["address"]):
        lines.append(f"  The mailbox {account['address']} is connected; what you did last time is still here.")
    else:
        lines.append("  First, connect a mailbox: Settings > Email connection > Connect a mailbox")
        lines.append(f"  Mailbox       {account['address']}   password: {account['password']}")
    office = demo.microsoft_account(folder)
    if office is not None:
        lines.append(f"  Microsoft 365 {office['address']}   password: {office['password']}")
    lines += [f"  Make trouble  {address}/demo/", "", "  Ctrl-C stops everything this has started.", ""]
    return "\n".join(lines)


def _serve_pages(listener: socket.socket) -> None:
    from waitress.server import create_server

    from threadline.config.wsgi import application

    server = create_server(
        application,
        sockets=[listener],
        threads=THREADS,
        ident=None,
        max_request_body_size=MOST_UPLOADED,
        **_behind_a_proxy(),
    )
    try:
        server.run()
    finally:
        server.close()


def _behind_a_proxy() -> dict[str, Any]:
    """With https someone else speaks TLS in front of us: what that one says of the client is believed, nobody else."""
    from django.conf import settings

    if not settings.SECURE:
        return {}
    return {
        "trusted_proxy": settings.TRUSTED_PROXY,
        "trusted_proxy_headers": {"x-forwarded-proto", "x-forwarded-for"},
        "clear_untrusted_proxy_headers": True,
    }
