"""Company > People import: a file of the CRM, tried first, then imported.

Between the two steps the file travels in the page, signed for the user who tried it; nothing of it is kept here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render

from threadline.domain.people import COLUMNS
from threadline.services import imports
from threadline.services.imports import ImportReport
from threadline.storage.models import User
from threadline.web.company.frame import frame
from threadline.web.requests import SignedIn

LARGEST = 5_000_000
SHOWN = 200  # mistakes on one page
TRIED_FOR = timedelta(hours=2)


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        max_length=300,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST:
            raise forms.ValidationError(
                "The file is larger than 5 MB. Split it, or have it imported by the command line."
            )
        return file


@login_required
def people_import(request: SignedIn) -> HttpResponse:
    """Try it out says what would be done and every mistake, line by line; Import does it."""
    context: dict[str, Any] = {**frame(request.user, "people_import"), "columns": COLUMNS}
    if "tried" in request.POST:
        return _import(request, context)
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        data = file.read()
        report = imports.import_people(request.user.company, data, name=file.name, dry_run=True, user=request.user)
        context |= _reported(report, file.name) | {"tried": _signed(request.user, file.name, data), "dry_run": True}
    return render(request, "company/import.html", context | {"form": form})


def _import(request: SignedIn, context: dict[str, Any]) -> HttpResponse:
    try:
        kept = signing.loads(request.POST["tried"], salt=_salt(request.user), max_age=TRIED_FOR)
    except signing.BadSignature:
        notices.warning(request, "That was tried out too long ago. Choose the file again; nothing was imported.")
        return redirect("people_import")
    data = kept["data"].encode("latin-1")
    report = imports.import_people(request.user.company, data, name=kept["name"], user=request.user, door="pages")
    return render(request, "company/import.html", context | _reported(report, kept["name"]) | {"form": ImportForm()})


def _signed(user: User, name: str, data: bytes) -> str:
    # Latin-1 stands for every byte as it is, whatever the file's own encoding.
    return signing.dumps({"name": name, "data": data.decode("latin-1")}, salt=_salt(user), compress=True)


def _salt(user: User) -> str:
    return f"people import of user {user.pk}"


def _reported(report: ImportReport, name: str) -> dict[str, Any]:
    return {
        "report": report,
        "errors": report.errors[:SHOWN],
        "more": len(report.errors) - SHOWN,
        "bad_lines": len({error.line for error in report.errors}),
        "name": name,
    }
