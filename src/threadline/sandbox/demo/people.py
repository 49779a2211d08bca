"""Who is in the demo: candidates, contacts, and the people that show why an email can be missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Character:
    """A person of the demo. `email` is what the CRM has on record, which is not always what they write from."""

    key: str  # the external_id
    kind: str  # candidate or contact
    name: str
    email: str
    created: int  # days before now that the profile was created
    role: str = ""
    client: str = ""
    city: str = ""
    salary: str = ""
    notice: str = ""
    writes_from: str = ""  # where it differs from `email`
    secondary: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    phone: str = ""

    @property
    def address(self) -> str:
        return self.writes_from or self.email

    @property
    def first(self) -> str:
        return self.name.split()[0]


# Whom Sofia does which business with; the order is the order in time.
_SCRIPTS = {
    "cand-001": ("first contact", "cv", "first interview", "sv", "salary", "references", "second interview"),
    "cand-002": ("speculative", "first interview", "second interview", "offer"),
    "cand-003": ("first contact", "cv", "salary", "first interview", "forgotten"),
    "cand-004": ("pl", "cv", "relocation", "references"),
    "cand-005": ("first contact", "reschedule", "first interview", "salary"),
    "cand-006": ("de", "first interview", "relocation", "offer", "first week"),
    "cand-007": ("fr", "first interview", "second interview", "rejected"),
    "cand-008": ("ja", "salary", "first interview"),
    "cand-009": ("first contact", "cv", "second interview", "offer", "first week"),
    "cand-010": ("speculative", "salary", "withdrawn"),
    "cand-011": ("first contact", "first interview", "rejected", "forgotten"),
    "cand-012": ("speculative", "first interview", "references", "offer"),
    "cand-013": ("first contact", "reschedule", "second interview", "withdrawn"),
    "cand-014": ("first contact", "cv", "relocation", "offer", "first week"),
    "cand-015": ("speculative", "first interview", "forgotten", "rejected"),
    "cand-016": ("first contact", "first interview", "salary", "offer"),
    "cand-017": ("first contact", "cv", "second interview", "references"),
    "cand-018": ("speculative", "reschedule", "first interview", "salary"),
    "cand-019": ("first contact", "cv", "first interview"),
    "cand-020": ("speculative", "cv", "first interview"),
    "cand-021": ("first contact", "first interview", "second interview"),
    "cand-022": ("first contact", "relocation", "cv"),
    "cand-023": ("first contact", "first interview"),
    "cand-024": ("speculative", "first interview"),
    "cand-025": ("first contact", "cv"),
    "cont-001": ("new vacancy", "shortlist", "interview feedback", "salary survey", "contract terms", "hired"),
    "cont-002": ("new vacancy", "shortlist"),
    "cont-003": ("catch up", "new vacancy", "shortlist", "hired", "invoice", "replacement"),
    "cont-004": ("new vacancy", "interview feedback", "invoice", "salary survey", "shortlist"),
    "cont-005": ("new vacancy", "shortlist", "interview feedback", "contract terms"),
    "cont-006": ("salary survey", "new vacancy", "shortlist", "hired", "invoice"),
    "cont-007": ("new vacancy", "shortlist", "interview feedback", "catch up"),
    "cont-008": ("new vacancy", "interview feedback", "hired"),
    "cont-009": ("contract terms", "new vacancy", "shortlist"),
    "cont-010": ("new vacancy", "shortlist", "catch up"),
}

# On record for the sake of one lesson each.
SPECIAL = (
    Character("cand-101", "candidate", "Li Wei", "mailto:li.wei@harbour.example", 88,
              writes_from="li.wei@harbour.example"),
    Character("cand-102", "candidate", "Nadia Haddad", " nadia.haddad@oasis.example ", 77,
              writes_from="nadia.haddad@oasis.example"),
    Character("cand-103", "candidate", "Inès Moreau", "famille@moreau.example", 66),
    Character("cand-104", "candidate", "Paul Moreau", "famille@moreau.example", 66),
    Character("cand-105", "candidate", "Stefan Brückner", "", 70, writes_from="stefan.brueckner@postfach.example"),
    Character("cont-101", "contact", "Mark Osei", "mark@northgate.example", 320),
    Character("cont-102", "contact", "JobBoard Applications", "no-reply@jobboard.example", 320),
)  # fmt: skip


def characters() -> tuple[Character, ...]:
    """Everyone who is on record, candidates first."""
    found = []
    lines = (Path(__file__).parent / "scripts" / "people.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        key, name, email, created, role, client, city, salary, notice = line.split("|")
        kind = "candidate" if key.startswith("cand") else "contact"
        secondary = ("anna@bergekonomi.example",) if key == "cand-001" else ()
        phone = f"+46 70 {231 + 7 * number} {10 + number} 48"
        found.append(
            Character(key, kind, name, email, int(created), role, client, city, salary, notice,
                      secondary=secondary, scripts=_SCRIPTS[key], phone=phone)
        )  # fmt: skip
    return (*found, *SPECIAL)
