"""The folders of an account and which of them is the Inbox, which holds sent mail."""

from __future__ import annotations

from collections.abc import Iterable

from threadline.domain import utf7
from threadline.domain.folders import ListedFolder, Role, choose_roles, role_of
from threadline.providers.contract import RemoteFolder
from threadline.providers.imap import commands, parse
from threadline.providers.imap.channel import Channel, Refused
from threadline.providers.imap.parse import Data, Listed
from threadline.providers.imap.signin import refusal

_NOT_SELECTABLE = frozenset({"\\noselect", "\\nonexistent"})


def folders(channel: Channel) -> list[RemoteFolder]:
    """All folders, each once. INBOX is always among them (RFC 9051 section 5.1)."""
    channel.settle()
    found = _listed(channel)
    if not any(one.name.upper() == "INBOX" for one in found):
        found.insert(0, Listed("INBOX", "/", frozenset()))
    listed = [_readable(one) for one in found]
    rivals = [one for one in listed if one.selectable and role_of(one.name, one.flags, one.delimiter)[0] is Role.SENT]
    if len(rivals) > 1:  # the one with mail in it is the one in use
        counts = {one.remote_name: _messages(channel, one.remote_name) for one in rivals}
        listed = [_counted(one, counts.get(one.remote_name)) for one in listed]
    roles = choose_roles(listed, {})
    listed.sort(key=lambda one: roles[one.remote_name] is not Role.INBOX)  # the Inbox first, the rest as listed
    return [
        RemoteFolder(
            remote_name=one.remote_name,
            name=one.name.replace(one.delimiter, "/") if one.delimiter else one.name,
            role=roles[one.remote_name],
            special_use=role_of(one.name, one.flags, one.delimiter)[1],
            selectable=one.selectable,
        )
        for one in listed
    ]


def _listed(channel: Channel) -> list[Listed]:
    """Asks in the richest way announced. Some servers refuse that (ProtonMail Bridge) or answer it with nothing
    (strato.de): then the plain way."""
    known = channel.capabilities
    ways = [b'LIST "" "*"']
    if "SPECIAL-USE" in known and "LIST-EXTENDED" in known:
        ways.insert(0, b'LIST "" "*" RETURN (SPECIAL-USE)')
    elif "XLIST" in known and "SPECIAL-USE" not in known:
        ways.insert(0, b'XLIST "" "*"')
    for way in ways:
        try:
            found = _once(channel.run(way))
        except Refused as refused:
            if way is ways[-1]:
                raise refusal(channel, refused) from refused
            continue
        if found or way is ways[-1]:
            return found
    return []


def _once(answers: Iterable[Data]) -> list[Listed]:
    found: dict[str, Listed] = {}
    for data in answers:
        one = parse.listed(data) if data.name in ("LIST", "XLIST") else None
        if one and data.name == "XLIST" and any(flag.lower() == "\\inbox" for flag in one.flags):
            one = Listed("INBOX", one.delimiter, one.flags)  # its name is for people; commands know it as INBOX (Gmail)
        if one and one.name not in found:
            found[one.name] = one
    return list(found.values())


def _readable(one: Listed) -> ListedFolder:
    wire = one.name.encode("latin-1")
    try:
        text = wire.decode("utf-8")
    except UnicodeDecodeError:
        text = one.name
    name = "".join(letter for letter in utf7.decode(text) if letter != "\x00")
    selectable = not _NOT_SELECTABLE & {flag.lower() for flag in one.flags}
    return ListedFolder(one.name, name, one.flags, one.delimiter, selectable=selectable)


def _messages(channel: Channel, name: str) -> int | None:
    try:
        answers = channel.run(b"STATUS ", commands.mailbox(name), b" (MESSAGES)")
    except Refused:
        return None
    for data in answers:
        count = parse.status_items(data).get("MESSAGES") if data.name == "STATUS" else None
        if count is not None:
            return count
    return None


def _counted(one: ListedFolder, messages: int | None) -> ListedFolder:
    return ListedFolder(one.remote_name, one.name, one.flags, one.delimiter, messages, one.newest, one.selectable)
