"""Where log lines go and what they look like.

`serve` and `worker` log to standard error: JSON lines, or key=value on a terminal. Other commands are quiet; what they
would say goes to a file in the data folder. Passwords and tokens are replaced before anything is written; tracebacks
hold no values of variables.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import Processor

_SECRET = re.compile(r"passw|secret|token|credential|authorization|cookie|sealed|api_?key", re.IGNORECASE)
_HANDLER = "threadline"


def to_terminal(level: str) -> None:
    """Log to standard error, for programs that keep running."""
    handler = logging.StreamHandler(sys.stderr)
    pretty = sys.stderr.isatty()
    _install(handler, level, _for_people() if pretty else structlog.processors.JSONRenderer())


def to_file(path: Path, level: str) -> None:
    """Log to a file that only its owner reads; made when there is something to say."""
    _install(_OwnFile(path), level, structlog.processors.JSONRenderer())


def without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of fields whose name says that they are secret."""
    for key in event:
        if _SECRET.search(key):
            event[key] = "(not shown)"
    return event


class _OwnFile(logging.FileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=True)
        self._path = path

    def _open(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.touch(mode=0o600)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """A disk that takes no more, or may only be read, is the command's to say, in its one sentence."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
            return
        with contextlib.suppress(OSError):
            self.close()


def _for_people() -> Processor:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _install(handler: logging.Handler, level: str, renderer: Processor) -> None:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    exceptions: list[Processor] = (
        [] if isinstance(renderer, structlog.dev.ConsoleRenderer) else [structlog.processors.format_exc_info]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    # A scanner that asks for a host that is not ours gets its 400; it does not get to fill the log.
    logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)
    # What they tell of a request is its whole address, which at Microsoft names folders and single emails.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
