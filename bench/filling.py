"""Fills a store with many small emails by SQL: what pages and linking cost does not depend on how mail came in."""

from __future__ import annotations

from django.db import connection, transaction

from threadline.storage import search
from threadline.storage.models import Company, Conversation, EmailAddress, Folder, Mailbox, Message

FROM = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %(last)s)
INSERT INTO {table} ({columns}) SELECT {values} FROM numbers WHERE {where}
"""
AT = "datetime(1600000000 + n * 40, 'unixepoch')"


def fill(count: int, *, people: int, busy: int, each_stranger: int) -> None:
    """`count` emails in the only mailbox's Inbox: each from a stranger, with a person in Cc, some to a busy one."""
    company, mailbox = Company.objects.get(), Mailbox.objects.get()
    inbox = Folder.objects.get(mailbox=mailbox, role="inbox")
    strangers = max(count // each_stranger, 1)
    first = 1 + max(model.objects.latest("pk").pk for model in (Conversation, Message, EmailAddress))
    known: dict[str, int | str] = {
        "last": count - 1,
        "company": company.pk,
        "first": first,
        "people": people,
        "strangers": strangers,
    }
    known |= {"mailbox": mailbox.pk, "folder": inbox.pk, "generation": inbox.generation, "every": max(count // busy, 1)}
    with transaction.atomic(), connection.cursor() as cursor:

        def add(table: str, values: dict[str, str], where: str = "1") -> None:
            columns = ", ".join(f'"{name}"' for name in values)
            sql = FROM.format(table=f"storage_{table}", columns=columns, values=", ".join(values.values()), where=where)
            cursor.execute(sql % {name: repr(value) for name, value in known.items()})

        add("emailaddress", _row("%(first)s + n", key="'stranger' || n || '@strangers.example'"), "n < %(strangers)s")
        busiest = {"id": "%(first)s + %(strangers)s", "company_id": "%(company)s", "key": "'busy@strangers.example'"}
        add("emailaddress", busiest, "n = 0")
        add("conversation", {"id": "%(first)s + n", "company_id": "%(company)s"})
        add("message", _message())
        add("body", _body())
        add("copy", _copy())
        stranger = {"message_id": "%(first)s + n", "address_id": "%(first)s + n %% %(strangers)s"} | _named("from")
        add("participant", stranger)
        person = {"message_id": "%(first)s + n", "address_id": "1 + n %% %(people)s"} | _named("cc")
        add("participant", person)
        often = {"message_id": "%(first)s + n", "address_id": "%(first)s + %(strangers)s"} | _named("to")
        add("participant", often, "n %% %(every)s = 0")
        add("link", _link())
        add("toindex", {"body_id": "%(first)s + n"})
    search.catch_up()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _row(identity: str, **values: str) -> dict[str, str]:
    return {"id": identity, "company_id": "%(company)s", **values}


def _named(role: str) -> dict[str, str]:
    return {"role": f"'{role}'", "name": "'Somebody'", "as_written": "'somebody@strangers.example'", "copy_id": "NULL"}


def _message() -> dict[str, str]:
    return _row(
        "%(first)s + n",
        key="printf('%%032x', n)",
        message_id="'m' || n || '@strangers.example'",
        message_id_digest="printf('%%032x', n)",
        conversation_id="%(first)s + n - n %% 3",
        subject="'About matter ' || n",
        sender_name="'Stranger ' || n %% %(strangers)s",
        sender_address="'stranger' || n %% %(strangers)s || '@strangers.example'",
        date=AT,
        at=AT,
        kind="'personal'",
        created_at=AT,
    )


def _body() -> dict[str, str]:
    words = "'Hello, here is what we talked about: rare' || n || 'word. ' || CASE WHEN n %% 10 THEN '' ELSE 'tenth' END"
    return {
        "id": "%(first)s + n",
        "message_id": "%(first)s + n",
        "digest": "printf('%%064x', n)",
        "snippet": "'Hello, here is what we talked about'",
        "text": words,
        "html": "''",
        "attachments": "'[]'",
        "recipients": """'{"to": [{"name": "", "address": "robin@agency.example"}]}'""",
        "references": "'[]'",
        "complete": "1",
        "defects": "'[]'",
        "raw": "NULL",
    }


def _copy() -> dict[str, str]:
    return {
        "mailbox_id": "%(mailbox)s",
        "folder_id": "%(folder)s",
        "message_id": "%(first)s + n",
        "body_id": "%(first)s + n",
        "generation": "%(generation)s",
        "remote_id": "'filled' || n",
        "decided_at": AT,
        "provider_at": AT,
        "seen": "1",
        "flagged": "0",
        "answered": "0",
        "size": "2000",
        "bcc": "'[]'",
        "where": "'here'",
        "where_folder": "''",
        "where_since": "NULL",
        "stored_at": AT,
        "gap_id": "NULL",
    }


def _link() -> dict[str, str]:
    return {
        "message_id": "%(first)s + n",
        "person_id": "1 + n %% %(people)s",
        "at": AT,
        "role": "'cc'",
        "made": "'rule'",
        "made_by_id": "NULL",
        "made_at": AT,
        "shared": "0",
        "detached": "0",
    }
