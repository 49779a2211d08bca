"""One environment variable of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variable:
    """`read` makes the value of the text, and raises ValueError for one that cannot be used."""

    name: str
    default: str
    expected: str
    purpose: str
    read: Callable[[str], Any]
    secret: bool = False  # its value is never shown
