"""The generated pages of the documentation: states, reasons and causes, from the tables the program uses.

python -m threadline.domain.pages docs/generated
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from threadline.domain.cases import KEPT_OUT
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.connection_states import TRANSITIONS, Event, State
from threadline.domain.connection_texts import STATE_TEXTS
from threadline.domain.page_samples import SAMPLES
from threadline.domain.visibility import FIX_ORDER, Policy, explain

_WHO = {
    Who.NOBODY: "nobody",
    Who.YOU: "the owner of the mailbox",
    Who.IT_ADMIN: "the IT administrator",
    Who.OPERATOR: "the operator of the installation",
}
_GENERATED = "Generated from the tables of the program by `python -m threadline.domain.pages`. Do not edit."


def states_page() -> str:
    """The states of a connection: what they say, the table and the picture."""
    rows = [
        (f"`{state.value}`", text.word.format(provider="the provider"), _shown(text.sentence), _WHO[text.who])
        for state, text in STATE_TEXTS.items()
    ]
    moves = [(f"`{state.value}`", *(_target(state, event) for event in Event)) for state in State]
    return _page(
        "The states of a connection",
        _table(("State", "The user reads", "What it means", "Who acts"), rows),
        "## Every event in every state\n\nA dash: this cannot happen, and is an error of the program if it does.",
        _table(("State", *(f"`{event.value}`" for event in Event)), moves),
        "## The picture",
        _diagram(),
    )


def reasons_page() -> str:
    """Every rule with an example of its reason, values and remedy, in the order of fixing."""
    parts = ["Reasons are listed with the one to fix first at the front, in the order of this page."]
    for rule in FIX_ORDER:
        parts.append(f"## `{rule.value}`")
        for facts, policy in SAMPLES[rule]:
            reason = next(r for r in explain(facts, policy).reasons if r.rule is rule)
            parts.append(reason.text + (f" {reason.near_miss_text}" if reason.near_miss_text else ""))
            if reason.compared:
                parts.append(_table(("Compared", "Value"), reason.compared))
            parts.append(f"`{reason.remedy.action.value}`: {reason.remedy.text}")
    parts.append("## Kept out on purpose")
    parts.append(_table(("Ledger", "Why"), [(f"`{word}`", why) for word, why in KEPT_OUT.items()]))
    parts.append(f"The automatic refresh comes {_hours(Policy())} hours after the last completed one by default.")
    return _page("Why an email is not on a profile", *parts)


def causes_page() -> str:
    """Every cause with its sentence, who acts and the next step."""
    rows = [
        (
            f"`{cause.value}`",
            CAUSE_TEXTS[cause].sentence(),
            _WHO[CAUSE_TEXTS[cause].who],
            CAUSE_TEXTS[cause].next_step,
        )
        for cause in Cause
    ]
    return _page(
        "Why a connection is in its state",
        "Where the provider did not say so itself, the sentence begins with “Likely”.",
        _table(("Cause", "What happened, and what it means for the mail", "Who acts", "Next step"), rows),
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states_page,
    "reasons.md": reasons_page,
    "causes.md": causes_page,
}


def write(folder: Path) -> None:
    """Write all pages into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def docs_page() -> str:
    """The page on the states of a connection."""
    return states_page()


def _target(state: State, event: Event) -> str:
    target = TRANSITIONS[state].get(event)
    return f"`{target.value}`" if target else "–"


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> connecting"]
    for state in State:
        arrows: dict[State, list[str]] = {}
        for event in Event:
            target = TRANSITIONS[state].get(event)
            if target is not None and target is not state:
                arrows.setdefault(target, []).append(event.value)
        lines += [f"    {state.value} --> {to.value}: {', '.join(events)}" for to, events in arrows.items()]
    return "\n".join([*lines, "```"])


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", _GENERATED, *parts)) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def _shown(sentence: str) -> str:
    said = sentence.format(provider="the provider", support="the support address")
    return said[:1].upper() + said[1:]


def _hours(policy: Policy) -> int:
    return round(policy.refresh_interval.total_seconds() / 3600)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/generated"))
