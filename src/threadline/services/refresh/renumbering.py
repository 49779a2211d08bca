"""A folder that the server renumbered (IMAP: another UIDVALIDITY), and an end to that where it happens over and over.

Each renumbering costs the headers of the whole folder. A server that renumbers at every visit (Microsoft's IMAP does it
often) would have us read them for ever, so after a few within a day the folder rests, and the refresh says so.
"""

from __future__ import annotations

from datetime import timedelta

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import CursorLost
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage.models import Folder

MOST = 3  # within the window; the next one is too many
WINDOW = timedelta(days=1)


def begin(work: Work, folder: Folder, generation: str, report: FolderReport) -> None:
    """Begin a new generation of ids. Raises CursorLost, with all that is held as it is, when there were too many."""
    if folder.generation:
        before = _recent(work, folder)
        if before >= MOST:
            raise CursorLost(
                f"The mail server renumbers {folder.name} again and again ({before + 1} times within a day), so this "
                "folder rests until tomorrow. What is here stays; new emails in it come later.",
                cause=Cause.FOLDER_RESTS,
                answer=f"UIDVALIDITY {generation}, before {folder.generation}",
            )
        report.renumbered = True
    # How far the last listing reached was said in ids that are void now.
    folder.generation, folder.cursor, folder.listed_up_to = generation, None, ""
    with work.storing(folder.name):
        folder.save(update_fields=["generation", "cursor", "listed_up_to"])


def _recent(work: Work, folder: Folder) -> int:
    """In how many refreshes of the last day this folder was renumbered."""
    runs = work.mailbox.refreshes.filter(started_at__gte=now() - WINDOW).values_list("progress", flat=True)
    return sum(
        any(entry["name"] == folder.name and entry.get("renumbered") for entry in progress.get("folders", ()))
        for progress in runs
    )
