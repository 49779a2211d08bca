"""The one-click acts beside each condition that is not met, as far as this user may do them; else whom to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from threadline.domain.addresses import NearMiss
from threadline.domain.verdict import RemedyAction, Rule
from threadline.storage.models import Mailbox, User
from threadline.web import times
from threadline.web.people.conditions import Reading
from threadline.web.people.doors import policy_url, with_query
from threadline.web.people.sharing import holders_of

_MOST_STRANGERS = 3
PUT_ON = "Put it on the profile"
PREVIEWED = "You see how many emails this adds before it applies."


@dataclass(slots=True)
class Remedies:
    """The buttons and the sentence beside a condition."""

    acts: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    is_likely: bool = True  # False: it only helps if a guess is right


class Remedying:
    """Fills in the remedies for one reading, one user, and the page to come back to."""

    def __init__(self, reading: Reading, user: User, back: str) -> None:
        self.reading = reading
        self.user = user
        self.back = back
        self.person = reading.person
        copy = reading.copy
        mailboxes = Mailbox.objects.filter(company_id=user.company_id).select_related("owner")
        self.mailbox = mailboxes.filter(address=copy.mailbox).first() if copy else None

    def remedies(self, rule: Rule) -> Remedies:
        reason = self.reading.reasons.get(rule)
        if reason is None:
            return Remedies()
        if rule is Rule.PRIMARY_ADDRESS:
            return self._address()
        filled = {
            RemedyAction.INCLUDE_EARLIER: self._earlier,
            RemedyAction.INCLUDE_FOLDER: self._include_folder,
            RemedyAction.MOVE_TO_INBOX: self._move_to_inbox,
            RemedyAction.REFRESH_NOW: self._refresh,
            RemedyAction.RECONNECT: self._reconnect,
            RemedyAction.CONNECT_MAILBOX: self._connect,
            RemedyAction.REPAIR: self._repair,
            RemedyAction.RETRY_LEDGER: self._repair,
            RemedyAction.EDIT_BLOCKLIST: self._blocklist,
            RemedyAction.ATTACH_BY_HAND: self._by_hand,
        }.get(reason.remedy.action)
        return filled() if filled else Remedies(note=reason.remedy.text)

    # --- who

    def _address(self) -> Remedies:
        near, name = self.reading.near, self.reading.name
        edit = {"text": "Edit the addresses", "url": reverse("person_edit", args=[self.person.pk])}
        if near is None:
            known = self.reading.facts.company_addresses
            strangers = [c.as_written for c in self.reading.correspondents if c.key not in known]
            if len(strangers) <= _MOST_STRANGERS:
                strangers = [found for found in strangers if not self._is_somebody_elses(found)]
            if not strangers or len(strangers) > _MOST_STRANGERS:
                return Remedies([edit], f"If an address on it is {name}, make it the primary one.")
            acts = [
                self._act(f"Make {'it' if len(strangers) == 1 else found} the primary", "make-primary", address=found)
                for found in strangers
            ]
            had = bool(self.reading.primary)
            note = f"Only if it is {name} own address.{' Emails with the old one stay.' if had else ''}"
            return Remedies(acts, note, is_likely=not had)
        kind, found, _ = near
        if kind is NearMiss.STORED_MALFORMED:
            return Remedies([self._act("Correct the address", "fix-address", address=found), edit])
        acts = [self._act("Make it the primary", "make-primary", address=found)]
        if kind is not NearMiss.SECONDARY_ADDRESS:
            return Remedies(
                [*acts, self._act("Add as secondary", "add-address", address=found)], self._secondary_note()
            )
        if self.user.is_admin:
            acts.append({"text": "Count secondary too…", "url": policy_url()})
            return Remedies(acts, PREVIEWED)
        return Remedies(acts, f"Or ask {self._administrator()} to let secondary addresses count.")

    def _is_somebody_elses(self, address: str) -> bool:
        return bool(holders_of(self.person.company_id, address, besides=self.person.pk))

    def _secondary_note(self) -> str:
        return "A secondary address is kept; alone it does not show the email."

    # --- when

    def _earlier(self) -> Remedies:
        copy = self.reading.copy
        acts = []
        if copy is not None:
            day = times.day(copy.decided_at, copy.decided_at)
            acts.append(self._act(f"Count from {day} on", "count-from", at=copy.decided_at.isoformat()))
        if self.user.is_admin:
            acts.append({"text": "Include earlier mail…", "url": policy_url()})
            return Remedies(
                acts, "The first moves this profile’s date; the second is for all profiles, with a preview."
            )
        return Remedies(acts, f"Moves this profile’s date. For all profiles, ask {self._administrator()}.")

    # --- where

    def _include_folder(self) -> Remedies:
        folder = self.reading.folder
        if self._is_own():
            act = self._act(f"Include {folder}", "include-folder", mailbox=self._mailbox_id(), folder=folder)
            return Remedies([act], "Or move it to the Inbox in your mail program, then press Refresh.")
        return Remedies(note=f"Ask {self._owner()} to include {folder}, or to move the email to the Inbox.")

    def _move_to_inbox(self) -> Remedies:
        note = "Move it back to the Inbox in your mail program, then refresh."
        return Remedies(self._refresh().acts if self._is_own() else [], note)

    def _connect(self) -> Remedies:
        return Remedies([{"text": "Email connection", "url": reverse("settings")}], "Connect the mailbox that has it.")

    # --- refreshed and held

    def _refresh(self) -> Remedies:
        if self._is_own() or self.user.is_admin:
            return Remedies([self._act("Refresh now", "refresh", mailbox=self._mailbox_id(), icon="refresh")])
        return Remedies(note=f"Ask {self._owner()} to press Refresh, or wait for the next automatic one.")

    def _reconnect(self) -> Remedies:
        if self._is_own():
            return Remedies(
                [{"text": "Connect it again", "url": reverse("settings")}], "The refresh then starts by itself."
            )
        return Remedies(note=f"Ask {self._owner()} to connect it again; the refresh then starts by itself.")

    def _repair(self) -> Remedies:
        place = next(iter(self.reading.diagnosis.found_in), None)
        if place is None or not self._is_own():
            return Remedies(note="We try again by ourselves. If it stays like this, contact support.")
        act = self._act(
            "Fetch it now", "fetch", mailbox=self._mailbox_id(), folder=place.folder, id=place.remote_id, icon="refresh"
        )
        return Remedies([act], "We list the folder again and fetch the email. Nothing comes twice.")

    # --- what somebody decided

    def _blocklist(self) -> Remedies:
        if self.user.is_admin:
            return Remedies([{"text": "Edit the blocklist…", "url": policy_url()}])
        return Remedies(note=f"Ask {self._administrator()} to take it off the blocklist.")

    def _by_hand(self) -> Remedies:
        message = self.reading.diagnosis.message
        if message is None:
            return Remedies(note="Once it is held here, it can be put on the profile by hand.")
        url = with_query(reverse("put_on", args=[self.person.pk, message.pk]), back=self.back)
        return Remedies([{"text": PUT_ON, "url": url, "post": True, "icon": "plus"}])

    # --- names

    def _act(self, text: str, action: str, *, icon: str = "", **values: object) -> dict[str, Any]:
        url = with_query(reverse("remedy", args=[self.person.pk, action]), back=self.back, **values)
        return {"text": text, "url": url, "post": True, "icon": icon}

    def _is_own(self) -> bool:
        return self.mailbox is not None and self.mailbox.owner_id == self.user.pk

    def _mailbox_id(self) -> int | None:
        return self.mailbox.pk if self.mailbox else None

    def _owner(self) -> str:
        return f"{self.mailbox.owner}, the owner of {self.mailbox.address}," if self.mailbox else "its owner"

    def _administrator(self) -> str:
        return administrator_of(self.user)


def administrator_of(user: User) -> str:
    admin = User.objects.filter(company_id=user.company_id, role="admin", is_active=True).order_by("pk").first()
    return f"{admin} (administrator)" if admin else "your administrator"
