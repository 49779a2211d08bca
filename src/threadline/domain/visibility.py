"""When an email is on a profile, and if it is not, why not.

`explain` is the only place that decides. The linker, the lists and the diagnosis all call it.
"""

from __future__ import annotations

from threadline.domain.facts import (
    CopyFacts,
    Correspondent,
    Facts,
    PersonAddress,
    PersonFacts,
    Policy,
    Where,
)
from threadline.domain.verdict import (
    Condition,
    Note,
    Outcome,
    Reason,
    Remedy,
    RemedyAction,
    Rule,
    Verdict,
)

__all__ = [
    "Condition",
    "CopyFacts",
    "Correspondent",
    "Facts",
    "Note",
    "Outcome",
    "PersonAddress",
    "PersonFacts",
    "Policy",
    "Reason",
    "Remedy",
    "RemedyAction",
    "Rule",
    "Verdict",
    "Where",
]
