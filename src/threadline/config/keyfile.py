"""The installation's secrets in a file of their own in the data folder, readable by its owner only.

One secret a line, the current one first. Older ones stay until everything sealed with them has been sealed anew.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


class KeyFileUnusable(Exception):
    """The key file cannot be used. `detail` says why, `remedy` what the operator does."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(f"{detail}. {remedy}")
        self.detail, self.remedy = detail, remedy


def new_secret() -> str:
    return secrets.token_urlsafe(48)


def installation_secrets(path: Path) -> tuple[str, ...]:
    """The secrets that sign sessions and seal passwords, the current one first. The file is made at the first start."""
    if not path.exists():
        write(path, (new_secret(),), replace=False)
    if path.stat().st_mode & 0o077:
        raise KeyFileUnusable(f"{path} can be read by others on this machine", f"Run: chmod 600 {path}")
    found = tuple(path.read_text().split())
    if not found or any(len(secret) < 32 for secret in found):
        raise KeyFileUnusable(
            f"{path} does not hold a key", "Restore it from the backup: without it no password can be read."
        )
    return found


def write(path: Path, keys: tuple[str, ...], *, replace: bool = True) -> None:
    """Write the secrets durably; without `replace`, whoever came first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    if replace:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another first start was quicker: its key is the key
    finally:
        temporary.unlink()
