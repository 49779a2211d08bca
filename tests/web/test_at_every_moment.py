"""A refresh that begins or ends while a page is being made: whichever question comes first, the page is true."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.services.world import World
from tests.web.visiting import mailbox_of, words
from threadline.clock import now
from threadline.services import health
from threadline.storage import leases
from threadline.storage.models import Mailbox, Refresh

GIVEN_UP = "The first load is not complete"


class AtQuestion:
    """Lets something happen right before the question of this number, once."""

    def __init__(self, number: int, happens: Callable[[], object]) -> None:
        self._left, self._happens, self.asked = number, happens, 0
        self._at_work = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self._at_work:
            self.asked += 1
            if self.asked == self._left:
                self._at_work = True
                self._happens()
                self._at_work = False
        return execute(sql, params, many, context)


class FirstLoad:
    """Of Alice's mailbox, in the two transactions that a refresh has around its work."""

    def __init__(self, world: World) -> None:
        new: dict[str, Any] = {
            "last_refresh_at": None,
            "history_complete_at": None,
            "next_refresh_at": now() + timedelta(minutes=20),
        }
        self.mailbox = mailbox_of(world.alice, refresh_requested_at=now(), **new)
        self._holding: AbstractContextManager[leases.Lease] = leases.hold(self.mailbox.pk)

    def begin(self) -> None:
        self.lease = self._holding.__enter__()
        with self.lease.storing():
            Mailbox.objects.filter(pk=self.mailbox.pk).update(refresh_requested_at=None)
            self.run = Refresh.objects.create(mailbox=self.mailbox, trigger="connect", fence=1, started_at=now())

    def end(self) -> None:
        with self.lease.storing():
            health.refreshed(Mailbox.objects.get(pk=self.mailbox.pk), now=now())
            Refresh.objects.filter(pk=self.run.pk).update(finished_at=now(), outcome="complete")
        self._holding.__exit__(None, None, None)


PAGES = {
    "settings": lambda mailbox: reverse("settings"),
    "mailbox": lambda mailbox: reverse("mailbox", args=[mailbox.pk]),
    "emails": lambda mailbox: reverse("folder", args=[mailbox.pk, "inbox"]),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("moment", ["begin", "end"])
def test_a_first_load_is_coming_in_or_complete_and_never_given_up(
    page: str, moment: str, world: World, alice: Client
) -> None:
    number, asked = 1, 1
    while number <= asked:
        Mailbox.objects.all().delete()
        load = FirstLoad(world)
        happens = load.begin
        if moment == "end":
            load.begin()
            happens = load.end
        hook = AtQuestion(number, happens)
        with connection.execute_wrapper(hook):
            said = words(alice.get(PAGES[page](load.mailbox)))
        asked = hook.asked
        assert GIVEN_UP not in said, f"before question {number} of {asked}"
        if page == "emails":
            under_way = "starts in a moment" in said or "Asking the mail server" in said
            assert under_way or "Last refresh" in said, f"before question {number} of {asked}: {said}"
        if moment == "begin":
            load.end()
        number += 1
    assert asked > 5
