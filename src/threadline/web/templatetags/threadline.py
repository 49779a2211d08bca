"""The tags and filters that Threadline's pages are written with. `docs/guides/pages.md` shows each in use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from threadline import clock
from threadline.web import icons, times
from threadline.web.thread_by_day import Break, Day, lay_out

register = template.Library()


# --- times, sizes, names

FORMS = {
    "full": times.full,
    "inline": times.inline,
    "clock": times.clock,
    "day": times.day,
    "brief": times.brief,
    "dated": times.dated,
    "exact": times.exact,
}


@register.filter
def when(moment: datetime | None, form: str = "full") -> SafeString | str:
    """`<time>` in the company's zone; `form` is full, inline, clock, day, brief, dated or exact. Nothing for None."""
    if moment is None:
        return ""
    now = clock.now()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        times.exact(moment, now),
        FORMS[form](moment, now),
    )


@register.filter
def break_after_at(address: str) -> SafeString:
    """An address that, where it does not fit on a line, goes on after its @."""
    local, at, domain = address.rpartition("@")
    return format_html("{}{}<wbr>{}", local, at, domain) if at else format_html("{}", address)


@register.simple_tag
def day_heading(moment: datetime) -> str:
    """The heading over the emails of a day: "Today", "Yesterday", "Thu 4 June"."""
    return times.heading(moment, clock.now())


@register.filter
def local_day(moment: datetime) -> str:
    """The day of a time in the company's zone as a key to group rows by (2026-06-09)."""
    return times.local_day(moment).isoformat()


@register.filter
def filesize_short(size: int | None) -> str:
    """A size in thousands of bytes, as mail programs count: 88 kB, 1.4 MB. "size unknown" for None."""
    if size is None:
        return "size unknown"
    if size < 1000:
        return f"{size} B"
    for unit, factor in (("kB", 1_000), ("MB", 1_000_000)):
        if round(size / factor) < 1000:
            value = size / factor
            return f"{value:.1f} {unit}" if value < 9.95 and unit != "kB" else f"{value:.0f} {unit}"
    return f"{size / 1_000_000_000:.1f} GB"


@register.filter
def thousands(number: int | None) -> str:
    """1204 as "1,204"; a dash for None."""
    return "—" if number is None else f"{number:,}"


@register.filter
def initials(name: str) -> str:
    """Two letters for an avatar: "Anna Berg" is AB, "no-reply@jobboard.example" is N."""
    words = [word for word in name.split("@", maxsplit=1)[0].split() if word[0].isalnum()]
    if not words:
        return next((letter.upper() for letter in name if letter.isalnum()), "?")
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


@register.filter
def file_type(name: str) -> str:
    """The badge of a file: its extension in capitals, at most four letters, "FILE" without one."""
    stem, dot, extension = name.rpartition(".")
    return extension.upper() if stem and dot and 1 <= len(extension) <= 4 and extension.isalnum() else "FILE"


@register.filter
def possessive(name: str) -> str:
    """ "Anna" as "Anna's", "Jonas" as "Jonas'"."""
    return f"{name}’" if name.endswith("s") else f"{name}’s"


# --- icons and states


@register.simple_tag
def icon(name: str, size: int = 16, tone: str = "") -> SafeString:
    """One of our own drawings, hidden from screen readers."""
    return icons.svg(name, size, tone)


@dataclass(frozen=True)
class StateLook:
    tone: str
    icon: str
    word: str


STATES: dict[str, StateLook] = {
    "connecting": StateLook("news", "clock", "Connecting"),
    "connected": StateLook("ok", "check-circle", "Connected"),
    "delayed": StateLook("news", "refresh", "Connected, catching up"),
    "reauthorise": StateLook("warn", "key", "Sign in again"),
    "admin_needed": StateLook("warn", "shield", "Your IT administrator must act"),
    "interrupted": StateLook("bad", "break", "Connection interrupted, contact support"),
    "disconnected": StateLook("quiet", "dash-circle", "Not connected"),
    "done": StateLook("ok", "check-circle", "Done"),
    "running": StateLook("news", "refresh", "In progress"),
    "waiting": StateLook("quiet", "clock", "Waiting"),
    "failed": StateLook("bad", "cross", "Failed"),
    "attention": StateLook("warn", "warning", "Needs attention"),
}


@register.inclusion_tag("parts/state.html")
def state(name: str, word: str = "", size: str = "") -> dict[str, Any]:
    """A state as icon and word. `name` is a connection's state or one of done, running, waiting, failed, attention."""
    look = STATES[name]
    return {"look": look, "word": word or look.word, "size": size}


# --- chips


@register.inclusion_tag("parts/chip_person.html")
def chip_person(person: Any, extra: str = "") -> dict[str, Any]:
    """A person an email is on the profile of. `person` has name, kind ("candidate" or "contact") and url."""
    return {"person": person, "extra": extra}


@register.inclusion_tag("parts/chip_no_profile.html")
def chip_no_profile(why_url: str) -> dict[str, str]:
    """The chip of an email that is on no profile, with the way to the reason."""
    return {"why_url": why_url}


@register.inclusion_tag("parts/chip.html")
def chip(icon_name: str, text: str, url: str = "", tone: str = "") -> dict[str, str]:
    """A note or a file as a chip ("now in Clients/Acme")."""
    return {"icon_name": icon_name, "text": text, "url": url, "tone": tone}


@register.inclusion_tag("parts/chips_people.html")
def chips_people(people: Sequence[Any], why_url: str = "") -> dict[str, Any]:
    """The chips of a list row: two people and +n (one and +n on a phone), or the dashed chip when there are none."""
    return {
        "first": people[0] if people else None,
        "second": people[1] if len(people) > 1 else None,
        "rest_wide": len(people) - 2,
        "rest_phone": len(people) - 1,
        "why_url": why_url,
    }


# --- forms


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField, label: str = "", icon_name: str = "") -> dict[str, Any]:
    """A form's field with its label, help and error, each tied to it for screen readers."""
    widget = bound.field.widget
    return {
        "field": bound,
        "label": label or bound.label,
        "icon_name": icon_name,
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, RadioSelect) or widget.use_fieldset,
    }


# --- the thread line by day


@register.inclusion_tag("parts/days.html")
def thread_by_day(
    days: Sequence[Day], breaks: Iterable[Break] = (), sentence: str = "", title: str = "Last 90 days"
) -> dict[str, Any]:
    """The line by day with its title, the sentence that says the same in words, and the legend."""
    return {"drawing": lay_out(days, breaks), "sentence": sentence, "title": title}
