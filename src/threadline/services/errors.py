"""What a service refuses, in a sentence for the person who asked.

Refused
├── NotFound        there is no such thing, or it is another company's: nobody can tell which
├── Invalid         a value cannot be used; `field` names it
├── NotTheirs       it is somebody else's to do, or another browser's
└── Conflict        it would contradict what is there
"""

from __future__ import annotations


class Refused(Exception):
    """This cannot be done."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class NotFound(Refused):
    """There is no such thing."""


class Invalid(Refused):
    """A value cannot be used."""


class NotTheirs(Refused):
    """It is for another person, or another browser, to do."""


class Conflict(Refused):
    """It contradicts what is there."""
