"""Putting the demo world into the sandbox, once."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from threadline.sandbox.demo.mails import MARK
from threadline.sandbox.demo.reasons import Case
from threadline.sandbox.demo.whole import MAILBOX, World, cases, mailbox, world
from threadline.sandbox.imap import Account, NewMessage, Store

PASSWORD = "sofia-demo"  # noqa: S105  (said to whoever starts the demo)
_FOLDERS = {
    "INBOX": "", "Sent": "\\Sent", "Drafts": "\\Drafts", "Junk": "\\Junk", "Trash": "\\Trash",
    "Archive": "\\Archive", "Clients": "", "Clients/Acme": "",
}  # fmt: skip
_SEEDED = "seeded"


def seed(data_dir: Path, now: datetime) -> None:
    """Create the demo's accounts, mail, `people.csv` and `expected.json` in this folder, unless they are there.

    A start that was interrupted halfway is begun again: the account says itself when it is complete.
    """
    store = Store(data_dir)
    try:
        seed_store(store, data_dir, now)
    finally:
        store.close()


def seed_store(store: Store, data_dir: Path, now: datetime) -> None:
    """The same into a store that is open already."""
    account = store.account(MAILBOX) or store.create_account(MAILBOX, PASSWORD)
    if not account.get(_SEEDED):
        _fill(account, now)
        if not store.account(MARK[1]):
            _make_folders(store.create_account(MARK[1], "mark-demo"))
        account.set(_SEEDED, now.astimezone(UTC).isoformat())
    if not (data_dir / "expected.json").exists():
        export(data_dir, datetime.fromisoformat(account.get(_SEEDED)))


def _make_folders(account: Account) -> None:
    for name, use in _FOLDERS.items():
        if name not in account.folders:
            account.create_folder(name, use)


def _fill(account: Account, now: datetime) -> None:
    _make_folders(account)
    by_folder = defaultdict(list)
    for mail in mailbox(now):
        by_folder[mail.folder].append(NewMessage(mail.raw, mail.received, mail.flags))
    for name, messages in by_folder.items():
        folder = account.folder(name)
        if not folder.uids:
            account.append(folder, messages)


def export(data_dir: Path, now: datetime) -> None:
    """Write beside the mailboxes: `people.csv` for the people import, `world.json` (the company and its users), and
    `expected.json`.
    """
    demo = world(now)
    company = {"company": asdict(demo.company), "users": [asdict(user) for user in demo.users]}
    _write(data_dir / "world.json", json.dumps(company, indent=2, ensure_ascii=False) + "\n")
    _write(data_dir / "people.csv", people_csv(demo))
    _write(data_dir / "expected.json", expected_json(cases(now), now))


def people_csv(demo: World) -> str:
    """The people as CSV."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("kind", "name", "email", "secondary_emails", "created_at", "external_id"))
    for row in demo.people:
        created = row.created_at.isoformat().replace("+00:00", "Z")
        others = ";".join(row.secondary_emails)
        writer.writerow((row.kind, row.name, row.email, others, created, row.external_id))
    return out.getvalue()


def expected_json(about: Sequence[Case], now: datetime) -> str:
    """What `explain` must answer, case by case."""
    moment = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    listed = [asdict(case) for case in about]
    return json.dumps({"mailbox": MAILBOX, "as_of": moment, "cases": listed}, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
