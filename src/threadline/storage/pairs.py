"""Which emails and people meet, by joins over normalised addresses: many pairs in one question, past the ORM.

Here is no rule of what shows where: the rows say what is stored, and `services.judging` decides by them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from threadline.domain.visibility import is_blocked


class Row(NamedTuple):
    """A person's address in an email, with one copy of the email and the link there is."""

    message_id: int
    person_id: int
    address_id: int
    primary: bool  # it is the person's primary address
    role: str  # from, to, cc, bcc
    folder_id: int
    where: str
    early: bool  # the copy's time lies before the second in which the person was created
    link_id: int | None
    made: str | None
    detached: bool | None


# In this order the database must go; SQLite, which keeps no figures about our tables, is told so by CROSS JOIN.
_MEETING = """
SELECT t.message_id, h.person_id, h.address_id, h."primary", t.role, c.folder_id, c."where",
       c.decided_at < {second}, l.id, l.made, l.detached
FROM {begin}
{then} storage_person p ON p.id = h.person_id
{then} storage_copy c ON c.message_id = t.message_id
LEFT JOIN storage_link l ON l.message_id = t.message_id AND l.person_id = h.person_id
WHERE {where}
"""
_FROM_MESSAGES = "storage_participant t {then} storage_personaddress h ON h.address_id = t.address_id"
_FROM_PEOPLE = "storage_personaddress h {then} storage_participant t ON t.address_id = h.address_id"


@dataclass(frozen=True, slots=True)
class _Words:
    """Where the two databases differ. A list travels as one parameter, however long it is."""

    then: str
    second: str
    among: str

    def listed(self, numbers: Collection[int]) -> Any:
        return list(numbers) if connection.vendor == "postgresql" else json.dumps(list(numbers))


def _words() -> _Words:
    if connection.vendor == "postgresql":
        return _Words("JOIN", "date_trunc('second', p.created_at)", "= ANY(%s)")
    # Times are texts here, those of whole seconds without a fraction: so they sort as they should.
    return _Words("CROSS JOIN", "substr(p.created_at, 1, 19)", "IN (SELECT value FROM json_each(%s))")


def of_messages(message_ids: Collection[int]) -> list[Row]:
    """Everyone who stands in these emails, with whichever address."""
    words = _words()
    return _ask(words, _FROM_MESSAGES, f"t.message_id {words.among}", [words.listed(message_ids)])


def of_people(person_ids: Collection[int], first: int, last: int) -> list[Row]:
    """Where these people stand in the emails from one number to another."""
    words = _words()
    where = f"h.person_id {words.among} AND t.message_id BETWEEN %s AND %s"
    return _ask(words, _FROM_PEOPLE, where, [words.listed(person_ids), first, last])


def _ask(words: _Words, begin: str, where: str, parameters: list[Any]) -> list[Row]:
    begin = begin.format(then=words.then)
    sql = _MEETING.format(begin=begin, then=words.then, second=words.second, where=where)
    return list(map(Row._make, _rows(sql, parameters)))


def messages_of_people(person_ids: Collection[int], *, secondary: bool) -> list[int]:
    """The numbers of all emails these people stand in, in their order."""
    words = _words()
    primary = "" if secondary else 'AND h."primary"'
    begin = _FROM_PEOPLE.format(then=words.then)
    # Numbers and words of our own: no value of anybody else's is written into the question.
    sql = f"SELECT DISTINCT t.message_id FROM {begin} WHERE h.person_id {words.among} {primary} ORDER BY 1"  # noqa: S608
    return [number for (number,) in _rows(sql, [words.listed(person_ids)])]


def messages_after(company_id: int, number: int, count: int) -> list[int]:
    """The next emails of a company by number."""
    sql = "SELECT id FROM storage_message WHERE company_id = %s AND id > %s ORDER BY id LIMIT %s"
    if connection.vendor == "sqlite":
        sql = sql.replace("company_id", "+company_id")  # by the table's own order, not by an index and a sort
    return [found for (found,) in _rows(sql, [company_id, number, count])]


def of_the_company(address_ids: Collection[int]) -> set[int]:
    """Those of these addresses that a mailbox or a user of their company has."""
    words = _words()
    sql = f"""
        SELECT e.id FROM storage_emailaddress e WHERE e.id {words.among} AND (
            EXISTS (SELECT 1 FROM storage_mailbox m WHERE m.company_id = e.company_id AND m.address_key = e.key)
            OR EXISTS (SELECT 1 FROM storage_user u WHERE u.email = e.key))
    """  # noqa: S608  words of ours
    return {found for (found,) in _rows(sql, [words.listed(address_ids)])}


def blocked(message_ids: Collection[int], blocklists: Sequence[Collection[str]]) -> list[tuple[set[int], set[int]]]:
    """For each blocklist: the emails with a blocked address openly, and those where only a Bcc is blocked."""
    answers: list[tuple[set[int], set[int]]] = [(set(), set()) for _ in blocklists]
    entries = sorted({entry for blocklist in blocklists for entry in blocklist})
    if not entries:
        return answers
    words = _words()
    place = "strpos" if connection.vendor == "postgresql" else "instr"
    domain = f"substr(e.key, {place}(e.key, '@'))"
    sql = f"""
        SELECT t.message_id, t.role, e.key FROM storage_participant t
        {words.then} storage_emailaddress e ON e.id = t.address_id
        WHERE t.message_id {words.among} AND (e.key {words.among} OR {domain} {words.among} OR e.key LIKE '%%@%%@%%')
    """  # noqa: S608  words of ours
    texts: Any = entries if connection.vendor == "postgresql" else json.dumps(entries)
    for message_id, role, key in _rows(sql, [words.listed(message_ids), texts, texts]):
        for (openly, blindly), blocklist in zip(answers, blocklists, strict=True):
            if is_blocked(key, blocklist):
                (blindly if role == "bcc" else openly).add(message_id)
    return [(openly, blindly - openly) for openly, blindly in answers]


def remove_links(link_ids: Collection[int]) -> int:
    """Take these links off profiles, as far as the rules still hold them; nothing refers to a link."""
    words = _words()
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM storage_link WHERE id {words.among} AND made = 'rule' AND NOT detached",  # noqa: S608
            [words.listed(link_ids)],
        )
        return int(cursor.rowcount)


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
