"""`python -m threadline.sandbox --data DIR`: see `--help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from threadline.sandbox.imap import Options
from threadline.sandbox.program import InUseError, Settings, run


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; 1 with a sentence where it cannot start."""
    parser = argparse.ArgumentParser(prog="threadline.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the mailboxes, created when missing")
    parser.add_argument("--imap-port", type=int, default=0, help="0: the one of the last time, else any")
    parser.add_argument("--control-port", type=int, default=0, help="0: the one of the last time, else any")
    parser.add_argument("--microsoft-port", type=int, default=0, help="0: the one of the last time, else any")
    parser.add_argument("--only", choices=("imap", "microsoft"), help="one of the servers instead of both")
    parser.add_argument("--ready-file", type=Path, help="written when everything listens")
    parser.add_argument("--empty", action="store_true", help="no demo mailbox")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input does")
    parser.add_argument("--tls-cert", type=Path, help="PEM file of certificate and key: IMAP over TLS instead of plain")
    parser.add_argument("--microsoft-tls", type=Path, help="PEM file of certificate and key: HTTPS instead of HTTP")
    parser.add_argument("--no-condstore", action="store_true")
    parser.add_argument("--no-special-use", action="store_true")
    parser.add_argument("--no-esearch", action="store_true")
    given = parser.parse_args(arguments)
    options = Options(not given.no_condstore, not given.no_special_use, not given.no_esearch)
    settings = Settings(
        data_dir=given.data,
        imap_port=given.imap_port,
        control_port=given.control_port,
        ready_file=given.ready_file,
        options=options,
        demo=not given.empty,
        watch_stdin=given.watch_stdin,
        tls_certificate=given.tls_cert,
        microsoft_port=given.microsoft_port,
        microsoft_tls=given.microsoft_tls,
        only=given.only or "",
    )
    try:
        run(settings)
    except (InUseError, OSError) as problem:
        sys.stderr.write(f"The sandbox cannot start: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
