"""Fills a store with many small emails by SQL: what pages and linking cost does not depend on how mail came in.

A quarter of the emails lies in the first mailbox, the rest is spread over the others; every fifth is in Sent. Each
comes from a stranger, has a person in Cc and the mailbox in To; every tenth is also to a person's secondary address,
every tenth has an address in a domain that may be blocked, and some go to a busy stranger. All persons have their
links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

from threadline.clock import now
from threadline.domain.connection import State
from threadline.storage import index_file, search
from threadline.storage.models import Company, Folder, Mailbox, User

BEGAN, SECONDS_BETWEEN = 1_600_000_000, 40
EACH_STRANGER = 10  # emails
BUSY = 3_000  # emails with the busiest stranger
BLOCKED = "blocked.example"
OWNER = "robin@agency.example"


@dataclass(frozen=True)
class Filling:
    """How much of what."""

    emails: int
    people: int
    mailboxes: int

    @property
    def strangers(self) -> int:
        return max(self.emails // EACH_STRANGER, 1)


@dataclass(frozen=True)
class _Dialect:
    """Where the two databases have different words."""

    numbers: str
    time: str
    hexadecimal: str
    yes: str
    no: str
    no_bytes: str

    @property
    def at(self) -> str:
        return self.time.format(f"{BEGAN} + n * {SECONDS_BETWEEN}")


_SQLITE = _Dialect(
    numbers="WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    time="datetime({}, 'unixepoch')",
    hexadecimal="printf('%0{}x', n)",
    yes="1",
    no="0",
    no_bytes="x''",
)
_POSTGRES = _Dialect(
    numbers="WITH numbers AS (SELECT n::bigint FROM generate_series(0, {last}) AS n)",
    time="to_timestamp({})",
    hexadecimal="lpad(to_hex(n), {}, '0')",
    yes="true",
    no="false",
    no_bytes="''::bytea",
)


def fill(filling: Filling) -> None:
    """Into an empty store with a company and a user, its administrator."""
    with _quickly():
        writer = _Writer(filling, _SQLITE if connection.vendor == "sqlite" else _POSTGRES)
        with transaction.atomic(), _indexes_afterwards():
            writer.people()
            writer.mailboxes()
            writer.mail()
        _count_on()
        _index()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


@contextmanager
def _quickly() -> Iterator[None]:
    """Nobody misses a store that a power cut spoils while it is being filled."""
    if connection.vendor == "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        for setting in ("journal_mode=MEMORY", "synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
            cursor.execute(f"PRAGMA main.{setting}")
    yield
    connection.close()


@contextmanager
def _indexes_afterwards() -> Iterator[None]:
    """An index over rows that are there is made much quicker than row by row."""
    if connection.vendor == "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _, sql in indexes:
            cursor.execute(sql)


def _count_on() -> None:
    """Rows were given numbers; PostgreSQL's own counting goes on behind them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for table in ("emailaddress", "conversation", "message", "body", "copy", "participant", "link", "person"):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('storage_{table}', 'id'), max(id)) FROM storage_{table}"
                )


class _Writer:
    """One statement a table: a column's value is an expression over `n`, the number of the email."""

    def __init__(self, filling: Filling, dialect: _Dialect) -> None:
        self.filling, self.sql = filling, dialect
        self.company = Company.objects.get().pk
        self.folders = 0

    def _add(self, table: str, values: Mapping[str, str], *, count: int, where: str = "") -> None:
        columns = ", ".join(f'"{name}"' for name in values)
        numbers = self.sql.numbers.format(last=count - 1)
        rows = f"SELECT {', '.join(values.values())} FROM numbers" + (f" WHERE {where}" if where else "")
        insert = f"INSERT INTO storage_{table} ({columns})"
        with connection.cursor() as cursor:
            # Each database takes the WITH at a place of its own, and both take it here.
            cursor.execute(f"{insert} {numbers} {rows}")

    def people(self) -> None:
        """People 1, 2, ... with a primary address and, in the same order behind those, a secondary one."""
        count = self.filling.people
        at = self.sql.time.format("946684800")
        person = {"id": "n + 1", "company_id": str(self.company), "kind": "'candidate'", "created_at": at}
        self._add("person", person | {"name": "'Person ' || n"}, count=count)
        for first, word, primary in ((1, "person", self.sql.yes), (1 + count, "home", self.sql.no)):
            key = f"'{word}' || n || '@people.example'"
            address = {"id": f"{first} + n", "company_id": str(self.company), "key": key}
            self._add("emailaddress", address, count=count)
            held = {"person_id": "n + 1", "address_id": f"{first} + n", "as_written": key, "primary": primary}
            self._add("personaddress", held, count=count)

    def mailboxes(self) -> None:
        """The first belongs to the user who is there; every other one to a colleague. Numbers without a hole."""
        owner, moment = User.objects.get(), now()
        colleagues = User.objects.bulk_create(
            User(
                company_id=self.company, email=f"colleague{n}@agency.example", name=f"Colleague {n}", created_at=moment
            )
            for n in range(1, self.filling.mailboxes)
        )
        made = Mailbox.objects.bulk_create(
            Mailbox(
                company_id=self.company,
                owner=user,
                address=user.email,
                address_key=user.email,
                state=State.CONNECTED.value,
                created_at=moment,
                since=moment,
                last_refresh_at=moment,
                history_complete_at=moment,
            )
            for user in (owner, *colleagues)
        )
        kinds = (("INBOX", "Inbox", "inbox"), ("Sent", "Sent", "sent"))
        folders = Folder.objects.bulk_create(
            Folder(mailbox=mailbox, remote_name=remote, name=name, role=role, generation="1", listed_at=moment)
            for mailbox in made
            for remote, name, role in kinds
        )
        self.first_mailbox, self.folders = made[0].pk, folders[0].pk
        own = {"id": str(self._own), "company_id": str(self.company), "key": f"'{owner.email}'"}
        self._add("emailaddress", own, count=1)

    @property
    def _own(self) -> int:
        """The number of the user's own address; behind it come the busy one's, the blocked one's, the strangers'."""
        return 1 + 2 * self.filling.people

    def mail(self) -> None:
        filling, every = self.filling, max(self.filling.emails // BUSY, 1)
        busy, blocked, stranger = self._own + 1, self._own + 2, self._own + 3
        for number, key in ((busy, "busy@strangers.example"), (blocked, f"someone@{BLOCKED}")):
            self._add("emailaddress", self._row(str(number), key=f"'{key}'"), count=1)
        key = "'stranger' || n || '@strangers.example'"
        self._add("emailaddress", self._row(f"{stranger} + n", key=key), count=filling.strangers)
        count = filling.emails
        self._add("conversation", {"id": "n + 1", "company_id": str(self.company)}, count=count)
        self._add("message", self._message(), count=count)
        self._add("body", self._body(), count=count)
        self._add("copy", self._copy(), count=count)
        self._add("participant", self._named("from", f"{stranger} + n % {filling.strangers}"), count=count)
        self._add("participant", self._named("to", str(self._own)), count=count)
        self._add("participant", self._named("cc", f"1 + n % {filling.people}"), count=count)
        self._add("participant", self._named("to", str(busy)), count=count, where=f"n % {every} = 0")
        other = f"1 + {filling.people} + (n + 1) % {filling.people}"
        self._add("participant", self._named("to", other), count=count, where="n % 10 = 5")
        self._add("participant", self._named("cc", str(blocked)), count=count, where="n % 10 = 3")
        self._add("link", self._link(), count=count)

    def _row(self, identity: str, **values: str) -> dict[str, str]:
        return {"id": identity, "company_id": str(self.company), **values}

    def _named(self, role: str, address: str) -> dict[str, str]:
        named = {"role": f"'{role}'", "name": "'Somebody'", "as_written": "'somebody@strangers.example'"}
        return {"message_id": "n + 1", "address_id": address, "copy_id": "NULL"} | named

    def _message(self) -> dict[str, str]:
        sender = f"'stranger' || n % {self.filling.strangers} || '@strangers.example'"
        digest = self.sql.hexadecimal.format(32)
        return self._row(
            "n + 1",
            key=digest,
            message_id="'m' || n || '@strangers.example'",
            message_id_digest=digest,
            conversation_id=f"1 + n - (n / {self.filling.people}) % 3 * {self.filling.people}",
            subject="'About matter ' || n",
            sender_name=f"'Stranger ' || n % {self.filling.strangers}",
            sender_address=sender,
            date=self.sql.at,
            at=self.sql.at,
            kind="'personal'",
            created_at=self.sql.at,
        )

    def _body(self) -> dict[str, str]:
        tenth = "CASE WHEN n % 10 = 0 THEN 'tenth' ELSE '' END"
        return {
            "id": "n + 1",
            "message_id": "n + 1",
            "digest": self.sql.hexadecimal.format(64),
            "snippet": "'Hello, here is what we talked about'",
            "text": f"'Hello, here is what we talked about: rare' || n || 'word. ' || {tenth}",
            "packed_html": self.sql.no_bytes,
            "attachments": """CASE WHEN n % 50 = 7
                THEN '[{"name": "cv.pdf", "size": 1000, "type": "application/pdf", "inline": false, "part": "2"}]'
                ELSE '[]' END""" + ("::jsonb" if self.sql is _POSTGRES else ""),
            "recipients": """'{"to": [{"name": "", "address": "robin@agency.example"}]}'""",
            "references": "'[]'",
            "complete": self.sql.yes,
            "defects": "'[]'",
            "raw": "NULL",
        }  # fmt: skip

    def _copy(self) -> dict[str, str]:
        others = max(self.filling.mailboxes - 1, 1)
        place = f"(CASE WHEN n % 4 = 0 THEN 0 ELSE {self.filling.mailboxes - others} + n / 7 % {others} END)"
        return {
            "mailbox_id": f"{self.first_mailbox} + {place}",
            "folder_id": f"{self.folders} + 2 * {place} + CASE WHEN n % 5 = 0 THEN 1 ELSE 0 END",
            "message_id": "n + 1",
            "body_id": "n + 1",
            "generation": "'1'",
            "remote_id": "'filled' || n",
            "decided_at": self.sql.at,
            "provider_at": self.sql.at,
            "seen": self.sql.yes,
            "flagged": self.sql.no,
            "answered": self.sql.no,
            "size": "2000",
            "bcc": "'[]'",
            "where": "'here'",
            "where_folder": "''",
            "where_since": "NULL",
            "stored_at": self.sql.at,
            "gap_id": "NULL",
        }

    def _link(self) -> dict[str, str]:
        return {
            "message_id": "n + 1",
            "person_id": f"1 + n % {self.filling.people}",
            "at": self.sql.at,
            "role": "'cc'",
            "made": "'rule'",
            "made_by_id": "NULL",
            "made_at": self.sql.at,
            "shared": self.sql.no,
            "detached": self.sql.no,
        }


def _index() -> None:
    """The text index as `search` fills it, by one statement."""
    search.prepare()
    company = Company.objects.get().pk
    if connection.vendor == "sqlite":
        with index_file.opened() as index:
            index.execute("PRAGMA synchronous=OFF")
            index.execute("ATTACH DATABASE ? AS store", [str(connection.settings_dict["NAME"])])
            index.execute(
                "INSERT INTO words(rowid, subject, people, files, body)"
                " SELECT ? + b.id, m.subject, m.sender_name || ' ' || m.sender_address, '', b.text"
                " FROM store.storage_body b JOIN store.storage_message m ON m.id = b.message_id",
                [search.numbers_of(company).start],
            )
        index_file.all_is_queued()
        return
    words = "regexp_replace(m.subject || ' ' || m.sender_address || ' ' || b.text, '\\W+', ' ', 'g')"
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS search_body_document")
        cursor.execute(
            "INSERT INTO search_body (body_id, document)"
            f" SELECT b.id, array_to_tsvector(ARRAY[%s]) || to_tsvector('simple', {words})"
            " FROM storage_body b JOIN storage_message m ON m.id = b.message_id",
            [search.scope(company)],
        )
        search.prepare()
