"""All accounts of one data folder, each a SQLite file of its own."""

from __future__ import annotations

import re
from pathlib import Path

from threadline.sandbox.imap.account import Account


class Store:
    """All accounts of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir / "imap"
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.accounts: dict[str, Account] = {}
        for file in sorted(self._dir.glob("*.sqlite3")):
            account = Account(file)
            if account.name:
                self.accounts[account.name.lower()] = account
            else:
                account.close()  # its creation was cut off before it had a name; creating it again goes on from here

    def account(self, name: str) -> Account | None:
        """The account of this login name, whatever its case."""
        return self.accounts.get(name.lower())

    def create_account(self, name: str, password: str) -> Account:
        """A new account with an INBOX."""
        if self.account(name):
            raise ValueError(f"There is an account {name} already")
        if not re.fullmatch(r"[A-Za-z0-9._@+-]{1,100}", name) or name.startswith("."):
            raise ValueError(f"{name!r} cannot be an account's name")
        account = Account(self._dir / f"{name.lower()}.sqlite3", name=name, password=password)
        account.create_folder("INBOX")
        self.accounts[name.lower()] = account
        return account

    def close(self) -> None:
        """Close every file."""
        for account in self.accounts.values():
            account.close()
