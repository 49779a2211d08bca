"""Every folder with a role, found by the names that are the same in every language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from threadline.domain.errors import MessageGone, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import RemoteFolder
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client

_FIELDS = "id,displayName,parentFolderId,childFolderCount"
_PAGE = 250
_DEEPEST = 60  # folders nest; a server whose folders never end is not followed


@dataclass(frozen=True, slots=True)
class _Level:
    path: str  # of the folders to list, below /me
    name: str  # of the folder they are in
    depth: int


def folders(client: Client) -> list[RemoteFolder]:
    """The Inbox first, then the rest as listed. Folders are known by their id, which stays when they are renamed."""
    known = _well_known(client)
    found: dict[str, RemoteFolder] = {}
    waiting = [_Level("mailFolders", "", 0)]
    while waiting:
        level = waiting.pop(0)
        for page in client.pages(client.url(level.path, select=_FIELDS, top=str(_PAGE)), page=_PAGE):
            for entry in parse.values(page):
                key = str(entry["id"])
                if key in found:
                    continue
                name = level.name + parse.folder_name(entry)
                found[key] = _folder(key, name, known.get(key, ""))
                if entry.get("childFolderCount") and level.depth < _DEEPEST:
                    waiting.append(_Level(f"mailFolders/{key}/childFolders", f"{name}/", level.depth + 1))
    return sorted(found.values(), key=lambda folder: folder.role is not Role.INBOX)


def _folder(key: str, name: str, well_known: str) -> RemoteFolder:
    use = parse.WELL_KNOWN.get(well_known, "")
    return RemoteFolder(remote_name=key, name=name, role=parse.role_of(well_known), special_use=use)


def _well_known(client: Client) -> Mapping[str, str]:
    """Well-known name by id. A mailbox may have no archive, and then says that there is no such folder."""
    names = list(parse.WELL_KNOWN)
    found: dict[str, str] = {}
    answers = client.batch([f"mailFolders/{name}?$select=id" for name in names])
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, ProviderError):
            if not isinstance(answer, MessageGone) or name == "inbox":
                raise answer
            continue
        found[str(answer.get("id", ""))] = name
    return found
