"""Where the pages of this installation are reached: said by who serves them, read by commands in other processes."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

SECONDS = 2.0


def _file() -> Path:
    folder: Path = settings.DATA_DIR
    return folder / "serving.url"


def announce(url: str) -> None:
    """Note where the pages are served, until `withdraw`."""
    _file().write_text(url, encoding="ascii")


def withdraw() -> None:
    _file().unlink(missing_ok=True)


def address() -> str:
    """The address people use, without a slash at its end: the one that is set, else where the pages are served."""
    if settings.BASE_URL:
        return str(settings.BASE_URL)
    if _file().exists():
        return _file().read_text(encoding="ascii").strip()
    host = "127.0.0.1" if settings.HOST in {"0.0.0.0", "::"} else settings.HOST  # noqa: S104 - compared only
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"


def seconds_since() -> float:
    """How long ago the pages were last begun to be served; 0 where they are not."""
    try:
        return max(0.0, time.time() - _file().stat().st_mtime)
    except FileNotFoundError:
        return 0.0


def is_elsewhere() -> bool:
    """Whether the pages have an address of their own, which other machines may serve."""
    return bool(settings.BASE_URL)


def is_running() -> bool:
    """Whether something answers where the pages were last served; a killed server leaves its note behind."""
    if not _file().exists():
        return False
    parts = urlsplit(_file().read_text(encoding="ascii").strip())
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=SECONDS).close()
    except OSError:
        return False
    return True
