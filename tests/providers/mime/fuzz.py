"""python -m tests.providers.mime.fuzz [--minutes N] [--finds FOLDER]: a long campaign against the parser.

With atheris installed (`pip install atheris`; it is not a dependency) the campaign is guided by coverage; without it,
mails of `odd/` are mutated blindly. Either way the promises of `promises.py` are checked for each input. A find is
written to the folder; it becomes a file of `finds/`, which `test_fuzzing.py` reads.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

ODD = Path(__file__).parent / "odd"
FINDS = Path(__file__).parent / "finds"
SLOW_SECONDS = 3.0  # of inputs of a few kB; also what atheris stops at
LARGEST = 16_384
TOLD_EACH = 50_000
CARRIED_OVER = 2_000
PIECES = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\0", b"\xff", b"=?utf-8?Q?", b"=?utf-7?B?", b"?=", b"--b", b"--b--",
    b"Content-Type: ", b"multipart/mixed; boundary=b", b"message/rfc822", b"text/html; charset=",
    b"base64", b"quoted-printable", b"utf-7",
    b"filename*0*=utf-8''%ff", b"begin 644 x\r\n", b"From: ", b"Date: ", b"<a@b>", b"&#xD800;", b"<script>", b'"', b"(",
)  # fmt: skip


class Campaign:
    """Counts inputs, and keeps those that break a promise or take too long."""

    def __init__(self, finds: Path, seconds: float) -> None:
        from tests.providers.mime.promises import assert_kept  # noqa: PLC0415  atheris watches what is loaded now

        self._check, self._finds = assert_kept, finds
        self._until = time.monotonic() + seconds
        self._kinds: set[str] = set()
        self.inputs = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def try_one(self, raw: bytes) -> None:
        self.inputs += 1
        began = time.process_time()
        try:
            self._check(raw)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a find
            self._keep(raw, f"{type(error).__name__} {_place(error)}", str(error))
        taken = time.process_time() - began
        if taken > SLOW_SECONDS:
            self._keep(raw, f"slow {taken:.0f} s", "")
        if self.inputs % TOLD_EACH == 0:
            self.tell()

    def tell(self) -> None:
        sys.stdout.write(f"{self.inputs:,} inputs, {len(self._kinds)} kinds of finds\n")
        sys.stdout.flush()

    def _keep(self, raw: bytes, kind: str, about: str) -> None:
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        self._finds.mkdir(parents=True, exist_ok=True)
        path = self._finds / f"{hashlib.sha256(raw).hexdigest()[:12]}.eml"
        path.write_bytes(raw)
        sys.stdout.write(f"{path}: {kind}: {about[:200]}\n")
        sys.stdout.flush()


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def guided(finds: Path, seconds: float) -> None:
    """By coverage, with atheris. It ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["threadline.providers", "threadline.domain"]):
        campaign = Campaign(finds, seconds)

    def one(data: bytes) -> None:
        campaign.try_one(data)
        if campaign.is_over:
            campaign.tell()
            os._exit(0)  # an exception would be taken for a find

    corpus = tempfile.mkdtemp()
    limits = [f"-max_len={LARGEST}", f"-max_total_time={int(seconds) + 60}", f"-timeout={int(SLOW_SECONDS) * 20}"]
    atheris.Setup([sys.argv[0], *limits, "-verbosity=0", corpus, str(ODD)], one)
    atheris.Fuzz()


def blind(finds: Path, seconds: float) -> None:
    """By chance: pieces put in, left out, doubled, swapped between two mails."""
    campaign, chance = Campaign(finds, seconds), random.Random(1)
    pool = [path.read_bytes() for path in sorted(ODD.glob("*.eml"))]

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    try:
        while not campaign.is_over:
            raw = mutated(chance, chance.choice(pool), chance.choice(pool))[:LARGEST]
            campaign.try_one(raw)
            if chance.random() < 0.05:  # some go on to be mutated further
                if len(pool) < CARRIED_OVER:
                    pool.append(raw)
                else:
                    pool[chance.randrange(len(pool))] = raw
    finally:
        campaign.tell()


def mutated(chance: random.Random, raw: bytes, other: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3, 5, 9))):
        at, size = chance.randrange(len(raw) + 1), chance.randrange(1, 60)
        piece = chance.choice((chance.choice(PIECES), chance.randbytes(3), other[at : at + size]))
        raw = chance.choice(
            (
                raw[:at] + piece + raw[at:],
                raw[:at] + piece + raw[at + len(piece) :],
                raw[:at] + raw[at + size :],
                raw[: at + size] + raw[at : at + size] + raw[at + size :],
                raw[:at] + other[at:],
            )
        )
    return raw


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.providers.mime.fuzz", description="Fuzz the parser.")
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--finds", type=Path, default=FINDS)
    options.add_argument("--blind", action="store_true", help="not guided by coverage, even where atheris is installed")
    chosen = options.parse_args()
    run = blind if chosen.blind or importlib.util.find_spec("atheris") is None else guided
    run(chosen.finds, chosen.minutes * 60)


if __name__ == "__main__":
    main()
