"""threadline messages"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from threadline.cli.commands import ID, Group, company_option
from threadline.cli.connecting import named
from threadline.cli.output import json_line, megabytes, result, say, say_text, shortened, stamp, wants_json
from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.services import messages as service
from threadline.services.errors import Conflict, Invalid, NotFound
from threadline.storage.arrivals import digest_of
from threadline.storage.models import Company, Copy, Message

ROLES = [Role.INBOX.value, Role.SENT.value]


@click.group(cls=Group)
def messages() -> None:
    """Emails: list, read, save."""


def copy_numbered(number: int) -> Copy:
    found = Copy.objects.select_related("message", "body", "folder", "mailbox").filter(pk=number).first()
    if found is None:
        raise NotFound(f"There is no email with the id {number}.", field="id")
    return found


def message_named(text: str, company: Company | None) -> Message:
    """An email by its id in the list or by its Message-ID. Raises NotFound, or Conflict where several have it."""
    if text.isdecimal() and len(text) < 19:
        message = copy_numbered(int(text)).message
        if company is not None and message.company_id != company.pk:
            raise NotFound(f"{company.name} has no email with the id {text}.", field="message")
        return message
    digest = digest_of(text.strip().removeprefix("<").removesuffix(">"))
    found = Message.objects.select_related("company").filter(message_id_digest=digest)
    several = list((found.filter(company=company) if company else found)[:2])
    if not several:
        raise NotFound(f"No email with the Message-ID {text} is held here.", field="message")
    if len(several) > 1:
        raise Conflict(f"Several emails have the Message-ID {text}. Name one by its id in the list.", field="message")
    return several[0]


def subject_named(text: str, message: Message) -> str:
    """Named by its id in the list, an email has the subject that stands there."""
    return copy_numbered(int(text)).subject if text.isdecimal() and len(text) < 19 else message.subject


@messages.command("list")
@click.option("--mailbox", "address", metavar="ADDRESS", required=True)
@click.option("--folder", type=click.Choice(ROLES), help="Default: every folder.")
@company_option
def list_messages(address: str, folder: str | None, company_name: str | None) -> None:
    """List every email that is held of a mailbox, also where it has left its folder; each folder's newest first."""
    mailbox, copy = named(address, company_name), None
    for copy in service.for_export(mailbox, Role(folder) if folder else None):
        row = service.copy_as_json(copy)
        if wants_json():
            json_line(row)
        else:
            say(_line(row, copy))
    if copy is None and not wants_json():
        say(f"No email of {mailbox.address} is held there. Refresh it: threadline mailbox refresh {mailbox.address}")


def _line(row: dict[str, Any], copy: Copy) -> str:
    sender = row["from"]["address"] if row["from"] else "(no sender)"
    people = ", ".join(filter(None, [p["email"] or p["external_id"] for p in row["people"]]))
    on = f"  [{people}]" if row["people"] else ""
    where = "" if copy.where == Where.HERE.value else f" ({row['where']})"
    subject = shortened(row["subject"]) or "(no subject)"
    return f"{row['id']:>7}  {stamp(copy.decided_at)}  {row['folder']}{where}  {sender}  {subject}{on}"


@messages.command()
@click.argument("number", metavar="ID", type=ID)
def show(number: int) -> None:
    """Show one email with its text and HTML."""
    copy = copy_numbered(number)
    row = service.copy_as_json(copy) | {"text": copy.body.text, "html": copy.body.html}
    if wants_json():
        json_line(row)
        return
    for line in _headers(row):
        say(line)
    say()
    say_text(copy.body.text or "(This email has no text.)")


def _headers(row: dict[str, Any]) -> Iterator[str]:
    for name in ("from", "to", "cc", "bcc"):
        addresses = [row["from"]] if name == "from" and row["from"] else row[name] or []
        if addresses:
            yield f"{name.capitalize()}: {', '.join(_written(address) for address in addresses)}"
    yield f"Date: {stamp(row['date']) if row['date'] else 'none'}"
    yield f"Received: {stamp(row['received_at']) if row['received_at'] else 'not known'}"
    yield f"Subject: {row['subject']}"
    yield f"Folder: {row['folder']} ({row['where']})"
    for number, part in enumerate(row["attachments"], start=1):
        yield f"Attachment {number}: {part['name'] or '(no name)'}, {part['type']}, {megabytes(part['size'])}"
    for person in row["people"]:
        yield f"On the profile of: {person['email'] or person['external_id']}"


def _written(address: dict[str, str]) -> str:
    return f"{address['name']} <{address['address']}>" if address["name"] else address["address"]


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-o", "--output", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write there."
    )(command)


@messages.command()
@click.argument("number", metavar="ID", type=ID)
@output_option
def raw(number: int, file: Path | None) -> None:
    """Write the whole email, exactly as the mail server has it."""
    _need_place(file)
    _write(service.stream_raw(copy_numbered(number)), file)


@messages.command()
@click.argument("number", metavar="ID", type=ID)
@click.argument("attachment_number", metavar="N", type=ID)
@output_option
def attachment(number: int, attachment_number: int, file: Path | None) -> None:
    """Write the content of attachment N; the first is 1."""
    _need_place(file)
    _, chunks = service.stream_attachment(copy_numbered(number), attachment_number)
    _write(chunks, file)


def _need_place(file: Path | None) -> None:
    if file is not None and file.exists():
        raise Invalid(f"{file} exists already; name a file that does not.", field="file")
    if file is not None and not file.parent.is_dir():
        raise Invalid(f"There is no folder {file.parent}; make it, or name a file in another one.", field="file")
    if file is None and wants_json():
        raise click.UsageError("--json tells what was written: name the file with -o FILE.")
    if file is None and sys.stdout.isatty():
        raise click.UsageError("This is not text for a terminal. Name a file with -o FILE, or pass it to a program.")


def _write(chunks: Iterable[bytes], file: Path | None) -> None:
    if file is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    size = _write_whole(chunks, file)
    result({"file": str(file), "bytes": size}, f"Wrote {file} ({megabytes(size)}).")


def _write_whole(chunks: Iterable[bytes], file: Path) -> int:
    """All of it or nothing: the file appears when it is complete."""
    draft = file.with_name(f".threadline-{os.getpid()}")
    size = 0
    try:
        with _opened(draft) as target:
            for chunk in chunks:
                size += target.write(chunk)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return size


def _opened(draft: Path) -> BinaryIO:
    try:
        return draft.open("xb")
    except OSError:
        raise Invalid(f"{draft.parent} cannot be written to; name a file in another folder.", field="file") from None
