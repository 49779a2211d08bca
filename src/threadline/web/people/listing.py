"""The list of people: searched, filtered, paged by position. As quick with 100,000 people as with ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from threadline.domain.addresses import tidied
from threadline.storage.models import Link, Person, PersonAddress
from threadline.storage.models.person import Kind
from threadline.web.people.doors import wants_a_part
from threadline.web.requests import SignedIn

PAGE = 50
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Page:
    """A page of people by name; `earlier` and `later` are the ids to go on from, None at an end."""

    people: list[Person]
    earlier: int | None
    later: int | None


def found_by(company_id: int, words: str) -> QuerySet[Person]:
    """People whose name or one of whose addresses holds every word."""
    people = Person.objects.filter(company_id=company_id, merged_into=None)
    for word in words.split()[:_MOST_WORDS]:
        typed = PersonAddress.objects.filter(person=OuterRef("pk"), as_written__icontains=word)
        people = people.filter(Q(name__icontains=word) | Q(Exists(typed)))
    return people


def page_of(people: QuerySet[Person], *, after: int | None = None, before: int | None = None) -> Page:
    """Fifty people from a position on: the index by name is entered there, whatever stands before it."""
    mark = Person.objects.filter(pk=after or before or 0).values_list("name", "pk").first()
    if mark is None:
        after = before = None
    name, pk = mark or ("", 0)
    if before:
        people = people.filter(Q(name__lte=name) & (Q(name__lt=name) | Q(pk__lt=pk))).order_by("-name", "-pk")
    else:
        if after:
            people = people.filter(Q(name__gte=name) & (Q(name__gt=name) | Q(pk__gt=pk)))
        people = people.order_by("name", "pk")
    found = list(people.prefetch_related("addresses")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    if before:
        found.reverse()
    earlier = found[0].pk if found and (after or (before and more)) else None
    later = found[-1].pk if found and (before or more) else None
    return Page(found, earlier, later)


@login_required
def people(request: SignedIn) -> HttpResponse:
    """People by name, with how many emails are on each profile."""
    user = request.user
    words, kind = request.GET.get("q", "").strip()[:200], request.GET.get("kind", "")
    kind = kind if kind in Kind.values else ""
    everyone = found_by(user.company_id, words)
    counts: dict[str, int] = {
        row["kind"]: row["people"] for row in everyone.order_by().values("kind").annotate(people=Count("pk"))
    }
    shown = everyone.filter(kind=kind) if kind else everyone
    page = page_of(shown, after=_mark(request, "after"), before=_mark(request, "before"))
    context = {
        "section": "people",
        "words": words,
        "kind": kind,
        "rows": _rows(page.people),
        "total": sum(counts.values()),
        "shown": counts.get(kind, 0) if kind else sum(counts.values()),
        "filters": _filters(counts, words, kind),
        "earlier_url": _url(words, kind, before=page.earlier) if page.earlier else "",
        "later_url": _url(words, kind, after=page.later) if page.later else "",
        "searching": bool(words or kind),
    }
    response = render(request, "people/_list.html" if wants_a_part(request) else "people/list.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _mark(request: SignedIn, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _url(words: str, kind: str, **more: object) -> str:
    values = {"q": words, "kind": kind} | more
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{reverse('people')}?{query}" if query else reverse("people")


def _filters(counts: dict[str, int], words: str, kind: str) -> list[dict[str, Any]]:
    return [
        {"label": "All", "count": sum(counts.values()), "url": _url(words, ""), "current": not kind},
        *(
            {
                "label": f"{choice.label}s",
                "count": counts.get(choice.value, 0),
                "url": _url(words, choice.value),
                "current": kind == choice.value,
                "icon": "briefcase" if choice is Kind.CONTACT else "person",
            }
            for choice in Kind
        ),
    ]


def _rows(people: Sequence[Person]) -> list[dict[str, Any]]:
    """The rows of a page; links are counted for these people alone."""
    links = Link.objects.filter(person__in=[person.pk for person in people], detached=False)
    figures = {row["person_id"]: row for row in links.values("person_id").annotate(emails=Count("pk"), last=Max("at"))}
    nothing = {"emails": 0, "last": None}
    return [
        {
            "person": person,
            "url": reverse("person", args=[person.pk]),
            "primary": next((tidied(held.as_written) for held in person.addresses.all() if held.primary), ""),
            "emails": figures.get(person.pk, nothing)["emails"],
            "last": figures.get(person.pk, nothing)["last"],
        }
        for person in people
    ]
