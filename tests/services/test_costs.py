"""What the promises cost on the wire: counted between the product and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.faults.mailboxes import connect_at
from tests.faults.meddler import Meddler
from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, PASSWORD, World, mail, run
from threadline.services.verify import verify
from threadline.storage.models import Copy, Mailbox

pytestmark = pytest.mark.needs("dovecot")
FILED_TO = "Clients/Acme"


@dataclass
class Wire:
    """The way to the server: which commands went, and how many bytes passed both ways."""

    meddler: Meddler
    proxy: FaultProxy

    def begin(self) -> None:
        self.meddler.commands.clear()
        self.proxy.reset_counts()

    @property
    def octets(self) -> int:
        return self.proxy.bytes_up + self.proxy.bytes_down


@pytest.fixture
def wire(dovecot: Dovecot) -> Iterator[Wire]:
    dovecot.add_user(ALICE, PASSWORD)
    with Meddler(dovecot.port) as meddler, FaultProxy(meddler.port) as proxy:
        yield Wire(meddler, proxy)


def fill(server: Dovecot, numbers: range, folder: str, size: int = 0) -> None:
    text = "A line of text, forty characters and so.\r\n" * (size // 42)
    server.deliver_many(ALICE, [Delivery(mail(number, text=text), folder=folder) for number in numbers])


@pytest.fixture
def mailbox(world: World, wire: Wire, dovecot: Dovecot) -> Mailbox:
    fill(dovecot, range(50), "INBOX", size=20_000)
    dovecot.create_folder(ALICE, FILED_TO)
    connected = connect_at(world, wire.proxy.port)
    assert run(connected).outcome == "complete"
    return connected


@pytest.mark.invariant("I3")
def test_finding_a_filed_email_costs_the_same_however_much_lies_in_the_folder(
    mailbox: Mailbox, wire: Wire, dovecot: Dovecot
) -> None:
    costs = []
    for number, size in enumerate((20, 600)):
        fill(dovecot, range(size * 1_000, size * 1_001), FILED_TO)
        # One that is filed now moves the folder's mark past what was filled in.
        dovecot.move(ALICE, f"m{number}@posten.example", "INBOX", FILED_TO)
        run(mailbox)
        filed = f"m{number + 10}@posten.example"
        dovecot.move(ALICE, filed, "INBOX", FILED_TO)
        wire.begin()
        run(mailbox)
        copy = Copy.objects.get(message__message_id=filed)
        assert (copy.where, copy.where_folder) == ("elsewhere", FILED_TO)
        commands = [command for command in wire.meddler.commands if "LOGOUT" not in command]  # sent without waiting
        costs.append((len(commands), wire.octets))
    (few_commands, few_octets), (many_commands, many_octets) = costs
    assert many_commands == few_commands
    assert abs(many_octets - few_octets) < 300, costs


@pytest.mark.invariant("I12")
def test_a_verification_costs_ids_and_no_bodies(mailbox: Mailbox, wire: Wire) -> None:
    wire.begin()
    check = verify(mailbox.pk)
    assert check.complete
    assert sum(folder.held for folder in check.folders) == 50  # a megabyte of mail
    assert not [command for command in wire.meddler.commands if "FETCH" in command.upper()]
    assert wire.octets < 6_000
