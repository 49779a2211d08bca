"""A transaction fails at every place where one can: the cursor is never ahead of what is stored (I1, I2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from tests.faults.mailboxes import account, again, assert_no_cursor_is_ahead, assert_whole
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail
from tests.sweep import sample
from threadline.storage.models import Mailbox

pytestmark = pytest.mark.needs("dovecot")
WRITES = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def failing_write(number: int) -> Iterator[list[str]]:
    """The writes before the given one are done; that one and all after it fail. Yields those that were tried."""
    tried: list[str] = []

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(WRITES):
            tried.append(sql[:70])
            if len(tried) >= number:
                raise OperationalError("disk I/O error, as asked")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield tried


def interrupted(mailbox: Mailbox, number: int) -> bool:
    """A refresh whose writes fail from this one on; whether it got that far."""
    failed = False
    with failing_write(number) as tried:
        try:
            again(mailbox)
        except OperationalError:
            failed = True
    if failed:
        Mailbox.objects.update(lease_until=None)  # the release failed too, so on PostgreSQL its time has to pass
        return True
    assert len(tried) < number
    return False


@pytest.mark.invariant("I1", "I2")
def test_a_first_refresh_that_fails_at_any_write_leaves_no_cursor_ahead(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(20), sent=5)
    mailbox = world.connect(dovecot)
    failed = []
    for number in sample(range(1, 90), 9):
        if interrupted(mailbox, number):
            failed.append(number)
        assert_no_cursor_is_ahead(dovecot)
    assert failed
    again(mailbox)
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I1", "I2", "I3")
def test_a_later_refresh_that_fails_at_any_write_leaves_no_cursor_ahead(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(140))
    mailbox = world.connect(dovecot)
    again(mailbox)
    for step, number in enumerate(sample(range(1, 60), 8)):
        dovecot.deliver(ALICE, mail(100 + step))
        dovecot.deliver(ALICE, mail(f"s{step}", sender=ALICE), folder="Sent")
        dovecot.expunge(ALICE, f"m{step}@posten.example")
        dovecot.move(ALICE, f"m{70 + step}@posten.example", "INBOX", "Filed")
        interrupted(mailbox, number)
        assert_no_cursor_is_ahead(dovecot)
        again(mailbox)
        assert_whole(mailbox, dovecot)
