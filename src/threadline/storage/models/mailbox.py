"""Mailboxes, their connections and their folders."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from threadline.domain.connection import State
from threadline.domain.folders import Role
from threadline.storage.models.company import Company, User


class Provider(models.TextChoices):
    IMAP = "imap", "IMAP"
    GMAIL = "gmail", "Gmail"
    GRAPH = "graph", "Microsoft 365"


class Mailbox(models.Model):
    """One email account that a user connected, with its connection, its schedule and its lease."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="mailboxes")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="mailboxes")
    address = models.CharField(max_length=320)
    address_key = models.CharField(max_length=320)  # normalised
    provider = models.CharField(max_length=10, choices=Provider.choices, default=Provider.IMAP)
    settings = models.JSONField(default=dict)  # host, port, security, username
    identity = models.CharField(max_length=700, blank=True)  # who the provider says it is; compared at reconnecting
    created_at = models.DateTimeField()

    state = models.CharField(max_length=20, default=State.CONNECTING.value)
    cause = models.CharField(max_length=40, blank=True)
    certain = models.BooleanField(default=True)
    who = models.CharField(max_length=20, default="nobody")
    since = models.DateTimeField()
    retry_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)  # the provider's own last words when it refused, without secrets
    failures = models.PositiveIntegerField(default=0)
    first_failed_at = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    rejected_at = models.DateTimeField(null=True)  # when the credentials were first rejected, in this row of failures

    refresh_requested_at = models.DateTimeField(null=True)
    refresh_requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    last_refresh_at = models.DateTimeField(null=True)  # the last one that completed
    next_refresh_at = models.DateTimeField(null=True)
    history_complete_at = models.DateTimeField(null=True)  # when the first full load was complete
    gap_since = models.DateTimeField(null=True)  # not synced since, while it is not
    verification_requested_at = models.DateTimeField(null=True)
    marked_at = models.DateTimeField(null=True)  # when the marks of its folders were first taken

    lease_owner = models.CharField(max_length=100, blank=True)
    lease_fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "address_key"], name="one_mailbox_per_address"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_refresh_at"], name="mailbox_due"),
            models.Index(
                fields=["refresh_requested_at"],
                condition=models.Q(refresh_requested_at__isnull=False),
                name="mailbox_asked_for",
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Secret(models.Model):
    """A mailbox's password or tokens, sealed. A table of its own: no query for a mailbox ever reads it by accident."""

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, related_name="secret")
    sealed = models.BinaryField()
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"secret of mailbox {self.mailbox_id}"


class Folder(models.Model):
    """A provider folder. Inbox, Sent items and included ones are synced; of the others only the name is known."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="folders")
    remote_name = models.CharField(max_length=1000)
    name = models.CharField(max_length=1000)
    role = models.CharField(max_length=10, default=Role.OTHER.value)
    override = models.CharField(max_length=10, blank=True)  # inbox, sent, other, include: set by hand, or nothing
    special_use = models.CharField(max_length=40, blank=True)
    generation = models.CharField(max_length=40, blank=True)  # IMAP: UIDVALIDITY
    cursor = models.TextField(null=True)  # noqa: DJ001 - no cursor and an empty one are different things
    listed_at = models.DateTimeField(null=True)  # when the last completed listing began
    listed_up_to = models.CharField(max_length=40, blank=True)  # ids below it were covered (IMAP: UIDNEXT)
    on_server = models.PositiveIntegerField(default=0)  # messages when it was last listed
    missing_since = models.DateTimeField(null=True)  # not in the folder list any more
    shrank_at = models.DateTimeField(
        null=True
    )  # when a large share of it was first not listed any more: not believed yet

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "remote_name"], name="one_row_per_folder"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def included(self) -> bool:
        return self.override == "include"

    @property
    def synced(self) -> bool:
        return self.role != Role.OTHER.value or self.included


class Mark(models.Model):
    """How far an unsynced folder had got when it was last looked at: what arrived later has an id from `next_id` on."""

    folder = models.OneToOneField(Folder, on_delete=models.CASCADE, related_name="mark")
    generation = models.CharField(max_length=40)
    next_id = models.CharField(max_length=40)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.folder_id} up to {self.next_id}"


class Sighting(models.Model):
    """A message that arrived in an unsynced folder after its mark, known by a digest only."""

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, related_name="sightings")
    generation = models.CharField(max_length=40)
    remote_id = models.CharField(max_length=200)
    digest = models.CharField(max_length=32)  # of the Message-ID, or of size, From and Date where there is none

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["folder", "generation", "remote_id"], name="one_row_per_sighting"),
        ]
        indexes: ClassVar = [models.Index(fields=["digest"], name="sighting_by_digest")]

    def __str__(self) -> str:
        return f"{self.folder_id}/{self.remote_id}"


class ConnectionEvent(models.Model):
    """A step in the life of a connection, for its history and for support."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    event = models.CharField(max_length=40)
    before = models.CharField(max_length=20)
    after = models.CharField(max_length=20)
    cause = models.CharField(max_length=40, blank=True)
    certain = models.BooleanField(default=True)
    text = models.CharField(max_length=500, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "-at"], name="event_by_time")]

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"


class Gap(models.Model):
    """An interval in which a mailbox was not synced, with what came back afterwards."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="gaps")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    cause = models.CharField(max_length=40, blank=True)
    recovered = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)  # in the ledger, and tried again

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "-began_at"], name="gap_by_time")]

    def __str__(self) -> str:
        return f"{self.began_at} to {self.ended_at}"
