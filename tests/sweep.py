"""Long sweeps: a sample in `make test`, everything in `make test-long`.

    @pytest.mark.parametrize("cut_at", sample(range(20_000), 40))

The seed is in the header of every run; THREADLINE_TEST_SEED repeats it.
"""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

_Case = TypeVar("_Case")


def is_long() -> bool:
    return os.environ.get("THREADLINE_LONG") == "1"


def seed() -> int:
    return int(os.environ["THREADLINE_TEST_SEED"])


def sample(cases: Iterable[_Case], count: int, *, full: bool | None = None) -> list[_Case]:
    """`count` of the cases in their order, with the first and the last always among them; all in a long run.

    `full` overrides the choice of the run.
    """
    everything = list(cases)
    if is_long() if full is None else full:
        return everything
    if count >= len(everything):
        return everything
    if count < 2:
        raise ValueError("a sample holds at least the first and the last case")
    inner = random.Random(seed()).sample(range(1, len(everything) - 1), count - 2)
    return [everything[position] for position in sorted({0, len(everything) - 1, *inner})]
