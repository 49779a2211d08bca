"""The forms of this section. What they refuse is said beside the field, with an example of what would do."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from threadline.domain.addresses import normalise
from threadline.services.missing import Wanted
from threadline.storage.models import Mailbox
from threadline.storage.models.person import Kind


class PersonForm(forms.Form):
    """A candidate or a contact, added or changed."""

    name = forms.CharField(max_length=300, error_messages={"required": "A person needs a name."})
    kind = forms.ChoiceField(choices=Kind.choices, label="Kind", initial=Kind.CANDIDATE)
    # What was typed is kept as it was typed; a stray space is shown, not silently mended.
    email = forms.CharField(
        label="Primary address",
        max_length=400,
        required=False,
        strip=False,
        help_text="The one that decides which emails show. Empty: no email shows by itself.",
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
    )
    secondary = forms.CharField(
        label="Secondary addresses",
        required=False,
        strip=False,
        help_text="One on a line. Kept for reference; alone they do not show an email.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    created_at = forms.DateTimeField(
        label="Profile created",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        error_messages={"invalid": "Expected a day and a time, for example 2026-04-02 11:06."},
    )
    external_id = forms.CharField(
        label="External id", max_length=200, required=False, help_text="The person’s number in your CRM."
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["created_at"].help_text = (
            f"Emails from then on show. An earlier time includes earlier emails at once. Time zone {zone}."
            + (" Empty: now." if is_new else " A later time takes nothing off.")
        )
        self.fields["created_at"].required = not is_new
        self.fields["created_at"].error_messages["required"] = "A profile needs the time from which its emails show."

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email.strip() and normalise(email) is None:
            raise forms.ValidationError(_no_address(email))
        return email if email.strip() else ""

    def clean_secondary(self) -> list[str]:
        lines = [line for line in self.cleaned_data["secondary"].splitlines() if line.strip()]
        for line in lines:
            if normalise(line) is None:
                raise forms.ValidationError(_no_address(line))
        return lines


def _no_address(text: str) -> str:
    text = text.strip()
    if "@" not in text:
        return f"“{text}” has no @. Expected an address such as anna@posten.example."
    if len(text.split()) > 1 or "," in text or ";" in text:
        return f"“{text}” is more than one address, or has a space inside. One on a line, such as anna@posten.example."
    return f"“{text}” is no address we can compare. Expected one such as anna@posten.example."


class MissingForm(forms.Form):
    """What somebody knows of the email that is missing. One detail is enough."""

    mailbox = forms.ModelChoiceField(
        Mailbox.objects.none(), label="Which mailbox of yours", empty_label=None, required=True
    )
    sender = forms.CharField(
        label="Sender or recipient", max_length=300, required=False, help_text="An address, or part of a name."
    )
    subject = forms.CharField(label="Words of the subject", max_length=300, required=False)
    since = forms.DateField(
        label="From",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "Expected a day, for example 2026-06-09."},
    )
    until = forms.DateField(
        label="To",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "Expected a day, for example 2026-06-09."},
    )
    message_id = forms.CharField(
        label="Message-ID",
        max_length=998,
        required=False,
        help_text="If you have it: it finds exactly one email. The other fields do not matter then.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, mailboxes: QuerySet[Mailbox]) -> None:
        first = mailboxes.first()
        if data is not None and first is not None and not data.get("mailbox"):
            data = data.copy()
            data["mailbox"] = str(first.pk)
        super().__init__(data, use_required_attribute=False)
        choice = self.fields["mailbox"]
        if isinstance(choice, forms.ModelChoiceField):
            choice.queryset = mailboxes
            choice.initial = first

    @property
    def details(self) -> list[forms.BoundField]:
        """The fields of which one is enough; calling each "optional" would say the opposite."""
        for name in ("sender", "subject", "since", "until", "message_id"):
            self.fields[name].required = True
        return [self[name] for name in ("sender", "subject", "since", "until")]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", "This day is before the first one.")
        if not self.errors and not any(
            values.get(name) for name in ("sender", "subject", "since", "until", "message_id")
        ):
            raise forms.ValidationError("Name the sender, words of the subject, a day or the Message-ID.")
        return values

    def wanted(self) -> Wanted:
        values = self.cleaned_data
        return Wanted(
            correspondent=values["sender"],
            subject=values["subject"],
            since=_at(values["since"], time.min) if values["since"] else None,
            until=_at(values["until"], time.min) + timedelta(days=1, seconds=-1) if values["until"] else None,
            message_id=values["message_id"].strip().removeprefix("<").removesuffix(">"),
        )


def _at(day: Any, moment: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, moment))
