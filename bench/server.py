"""The mail server that everybody is measured against: Dovecot with generated mail, on the disk this folder lies on.

Generated mail is kept in `bench/out/mail` and linked into the server's folder, so that starting one is quick and no
client finds what another left behind.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.servers.process import give_away

from bench.generator import BEGAN, OWNER, SECONDS_BETWEEN, Generator, Mail, Profile, reference, with_attachment

OUT = Path(__file__).parent / "out"
PASSWORD = "an honest secret"
# As docs/guides/install.md says to run it; and it waits for the disk, as the embedded store does.
POSTGRES = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
SEEDS: dict[Profile, int] = {"mixed": 7, "small": 11}


@dataclass(frozen=True)
class Mailbox:
    """A generated mailbox by its profile and size."""

    profile: Profile
    count: int

    @property
    def name(self) -> str:
        return f"{self.profile}-{self.count}"

    @property
    def last_word(self) -> str:
        """A word that only the newest mail holds."""
        return reference(self.count - 1)

    def mails(self) -> Iterator[Mail]:
        return Generator(self.profile, SEEDS[self.profile]).mails(self.count)

    def folder(self) -> Path:
        """Where it lies as a Maildir: Inbox at the top, Sent in `.Sent`. Made when it is not there yet."""
        folder = OUT / "mail" / self.name
        if folder.exists():
            return folder
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        places = {False: draft / "cur", True: draft / ".Sent" / "cur"}
        for place in places.values():
            for name in ("cur", "new", "tmp"):
                (place.parent / name).mkdir(parents=True, exist_ok=True)
        for mail in self.mails():
            size = len(mail.raw)
            flags = "S" if mail.seen else ""
            path = places[mail.sent] / f"{mail.at}.M{mail.number:07d}.bench,S={size},W={size}:2,{flags}"
            path.write_bytes(mail.raw)
            os.utime(path, (mail.at, mail.at))
        draft.rename(folder)
        return folder

    def octets(self) -> int:
        return sum(path.stat().st_size for path in self.folder().rglob("*bench*"))


@contextmanager
def serving(*mailboxes: Mailbox) -> Iterator[Server]:
    """A Dovecot with these mailboxes, the users named after them. Its indexes are warm."""
    with Dovecot(storage="maildir") as dovecot:
        server = Server(dovecot)
        for mailbox in mailboxes:
            server.add(mailbox)
        yield server


class Server:
    """A running Dovecot that holds generated mailboxes."""

    def __init__(self, dovecot: Dovecot) -> None:
        self.dovecot = dovecot
        self.port = dovecot.port
        self._next = itertools.count(10_000_000)  # numbers of mail that arrives later

    @staticmethod
    def user(mailbox: Mailbox) -> str:
        return OWNER.replace("@", f".{mailbox.name}@")

    def add(self, mailbox: Mailbox) -> None:
        user = self.user(mailbox)
        self.dovecot.add_user(user, PASSWORD)
        target = self.dovecot.folder / "homes" / user / "mail"
        for source in (mailbox.folder(), *mailbox.folder().rglob("*")):
            place = target / source.relative_to(mailbox.folder())
            if source.is_dir():
                place.mkdir(exist_ok=True)
            else:
                _link(source, place)
            give_away(place)
        self.warm(mailbox)

    def warm(self, mailbox: Mailbox) -> None:
        """Let Dovecot write its indexes, and the disk cache read the mail, before anybody is measured."""
        self.dovecot.doveadm("fetch", "-u", self.user(mailbox), "size.virtual date.received hdr", "all")
        for path in mailbox.folder().rglob("*.bench*"):
            path.read_bytes()

    def add_large(self, mailbox: Mailbox, *, count: int, octets: int) -> None:
        """Put emails with an attachment of so many bytes into the Inbox, newer than all others."""
        place = self.dovecot.folder / "homes" / self.user(mailbox) / "mail" / "cur"
        for _ in range(count):
            number = next(self._next)
            raw = with_attachment(number, octets)
            at = BEGAN + number * SECONDS_BETWEEN
            path = place / f"{at}.M{number}.bench,S={len(raw)},W={len(raw)}:2,S"
            path.write_bytes(raw)
            give_away(path)

    def deliver(self, mailbox: Mailbox, count: int) -> str:
        """Let new small mail arrive in the Inbox; returns a word that only the last one holds."""
        numbers = [next(self._next) for _ in range(count)]
        generator = Generator("small", seed=numbers[0])
        mails = [mail for number in numbers for mail in generator.mails(1, start=number)]
        user = self.user(mailbox)
        self.dovecot.deliver_many(user, [Delivery(mail.raw, "INBOX", (), None) for mail in mails])
        return reference(numbers[-1])


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # another disk
        shutil.copy2(source, place)


__all__ = ["BEGAN", "OUT", "PASSWORD", "POSTGRES", "SECONDS_BETWEEN", "Mailbox", "Server", "serving"]
