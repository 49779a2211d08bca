"""Which folders of a mailbox count: the owner's word over what was recognised."""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from threadline.domain.wording import listed
from threadline.services import access
from threadline.services import folders as service
from threadline.storage.models import Folder
from threadline.web.requests import SignedIn
from threadline.web.settings.mailboxes import crumbs

CHOICES = (
    ("inbox", "Inbox"),
    ("sent", "Sent items"),
    ("include", "Counts too"),
    ("other", "Does not count"),
)


@login_required
def folders(request: SignedIn, mailbox_id: int) -> HttpResponse:
    mailbox = access.connection_for(request.user, mailbox_id)
    known = service.listing(mailbox)
    if request.method == "POST":
        changed = [folder for folder in known if _wish(request, folder) not in {"", _now(folder)}]
        for folder in changed:
            service.override(folder, _wish(request, folder), request.user, door="pages")
        if changed:
            names = listed([folder.name for folder in changed])
            notices.success(request, f"Saved for {names}. What this changes comes with the next refresh.")
        else:
            notices.info(request, "Nothing was changed.")
        return redirect("mailbox", mailbox_id=mailbox.pk)
    context = {
        "section": "settings",
        "mailbox": mailbox,
        "folders": [{"folder": folder, "now": _now(folder)} for folder in known],
        "choices": CHOICES,
        "crumbs": crumbs("Folders", mailbox),
    }
    return render(request, "settings/folders.html", context)


def _now(folder: Folder) -> str:
    return "include" if folder.included else folder.role


def _wish(request: SignedIn, folder: Folder) -> str:
    """What the form asks for; "" for a folder it does not name, or a word that is no choice."""
    wish = request.POST.get(f"folder-{folder.pk}", "")
    return wish if wish in dict(CHOICES) else ""
