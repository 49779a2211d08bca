"""Numbers that no store holds, in every address that takes one and every parameter that a page reads: never a 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.services.world import World
from tests.sweep import is_long, sample
from tests.web.visiting import mailbox_of

ABSURD = (str(2**63), "0", "9" * 18, str(2**63 - 1), "9" * 5_000, "٣" * 25, "9" * 30)
PARAMETERS = ("page", "before", "after", "show", "mailbox", "message_id", "id", "at", "with", "person", "q", "back")
ODD_VALUES = (*ABSURD, "-1", f"{'9' * 40}.5_{'9' * 40}", "1e400", "nan_nan", "0001-01-01T00:00:00+14:00")
ANSWERED = (200, 302, 400, 404, 405, 422)  # shown, led on, not there, or said what is wrong with it
NUMBERED = re.compile(r"<number:(\w+)>|\(\?P<(\w+)>\\d[^)]*\)")
OTHER_PLACES = re.compile(r"<slug:\w+>|\(\?P<role>[^)]*\)")


def routes(found: list[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """Every address of the product, as it is written where it is declared."""
    for one in found if found is not None else get_resolver().url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            if "allauth" not in str(one.urlconf_name):
                yield from routes(one.url_patterns, route)
        else:
            yield route


ROUTES = [route for route in routes() if not route.startswith("accounts/")]
WITH_NUMBERS = [route for route in ROUTES if NUMBERED.search(route)]


def address(route: str, numbers: dict[str, str], other: str = "1") -> str:
    """The route as an address: these numbers, `other` where nothing is said."""
    filled = NUMBERED.sub(lambda found: numbers.get(found[1] or found[2], other), route)
    return "/" + OTHER_PLACES.sub("inbox", filled).replace("^", "").replace("$", "").replace("\\", "")


@pytest.fixture
def known(world: World) -> dict[str, str]:
    """What is there: Alice's mailbox, Anna."""
    mailbox = mailbox_of(world.alice)
    return {"mailbox_id": str(mailbox.pk), "person_id": str(world.anna.pk), "user_id": str(world.bob.pk)}


def test_the_walk_sees_the_addresses_that_take_numbers() -> None:
    assert len(WITH_NUMBERS) > 25
    assert "people/<number:person_id>/" in WITH_NUMBERS
    assert all("<" not in address(route, {}) for route in WITH_NUMBERS)


def test_an_absurd_number_in_an_address_is_not_there(known: dict[str, str], alice: Client) -> None:
    answers = {}
    for route in WITH_NUMBERS:
        for name in (found[0] or found[1] for found in NUMBERED.findall(route)):
            for number in sample(ABSURD, 4):
                url = address(route, known | {name: number}, other=number)
                answers[f"GET {url[:200]}"] = alice.get(url).status_code
                answers[f"POST {url[:200]}"] = alice.post(url, {"with": number, "person": number}).status_code
    assert {said: status for said, status in answers.items() if status not in (404, 405)} == {}


def test_an_absurd_value_in_a_parameter_is_answered_all_the_same(known: dict[str, str], alice: Client) -> None:
    answers = {}
    for route in ROUTES:
        asked = [dict.fromkeys(PARAMETERS, value) for value in sample(ODD_VALUES, 4)]
        asked += [{name: "9" * 30} for name in PARAMETERS if is_long()]
        for parameters in asked:
            url = f"{address(route, known)}?{urlencode(parameters)}"
            answers[url[:200]] = alice.get(url).status_code
    assert {said: status for said, status in answers.items() if status not in ANSWERED} == {}
