"""The tools we stand beside. They do less: mbsync copies files, the others fetch and parse; nobody stores or links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.environment import python
from bench.measure import timed
from bench.server import OUT, PASSWORD, Mailbox, Server

_MBSYNC = """\
FSync {fsync}
IMAPStore far
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType None
AuthMechs LOGIN

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Sent
Create Near
Sync Pull
SyncState *
"""

_OFFLINEIMAP = """\
[general]
accounts = bench
metadata = {folder}/metadata
ui = quiet
[Account bench]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {folder}/mail
[Repository far]
type = IMAP
readonly = yes
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
auth_mechanisms = LOGIN
folderfilter = lambda name: name in ("INBOX", "Sent")
"""

NODE_MODULES = OUT / "node" / "node_modules"


def missing() -> list[str]:
    """What is not installed, each with how it could be."""
    absent = []
    if shutil.which("mbsync") is None:
        absent.append("mbsync (Debian package isync)")
    if shutil.which("node") is None or not (NODE_MODULES / "imapflow").exists():
        absent.append("imapflow + mailparser (npm install --prefix bench/out/node imapflow mailparser)")
    if shutil.which("offlineimap") is None:
        absent.append("offlineimap3 (Debian package offlineimap3)")
    return absent


class Mbsync:
    """mbsync into a folder of its own on the same disk. `fsync` is its default."""

    def __init__(self, server: Server, mailbox: Mailbox, *, fsync: bool, port: int | None = None) -> None:
        self._folder = OUT / f"mbsync-{mailbox.name}-{os.getpid()}-{fsync}"
        self._settings = {"port": port or server.port, "user": server.user(mailbox), "password": PASSWORD}
        self._fsync = "yes" if fsync else "no"

    def first(self) -> float:
        """A first run: everything is copied."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        (self._folder / "config").write_text(_MBSYNC.format(folder=self._folder, fsync=self._fsync, **self._settings))
        seconds = self.again()
        copied = sum(1 for path in self._folder.rglob("*") if path.parent.name in {"cur", "new"})
        if copied == 0:
            raise RuntimeError("mbsync copied nothing")
        return seconds

    def again(self) -> float:
        return timed(["mbsync", "-qq", "-c", str(self._folder / "config"), "-a"])

    def forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def imapflow(server: Server, mailbox: Mailbox) -> Callable[[], float]:
    script = Path(__file__).parent / "imapflow_client.cjs"
    command = ["node", str(script), str(NODE_MODULES), str(server.port), server.user(mailbox), PASSWORD]
    return lambda: timed(command)


def standard_library(server: Server, mailbox: Mailbox) -> Callable[[], float]:
    command = [python(), "-m", "bench.stdlib_client", str(server.port), server.user(mailbox), PASSWORD]
    return lambda: timed(command)


def offlineimap(server: Server, mailbox: Mailbox) -> Callable[[], float]:
    """offlineimap3 into an empty folder on the same disk, with its default settings (it waits for the disk)."""

    def run() -> float:
        folder = OUT / f"offlineimap-{mailbox.name}-{os.getpid()}"
        folder.mkdir(parents=True)
        try:
            settings = {"port": server.port, "user": server.user(mailbox), "password": PASSWORD}
            (folder / "config").write_text(_OFFLINEIMAP.format(folder=folder, **settings))
            seconds = timed(["offlineimap", "-o", "-c", str(folder / "config")])
            copied = sum(1 for path in folder.rglob("*") if path.parent.name in {"cur", "new"})
            if copied != mailbox.count:
                raise RuntimeError(f"offlineimap3 copied {copied} of {mailbox.count}")
        finally:
            shutil.rmtree(folder)
        return seconds

    return run
