"""What the sync did, what it could not do, and how that was checked."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from threadline.storage.models.company import User
from threadline.storage.models.mailbox import Folder, Mailbox


class Refresh(models.Model):
    """One run of the sync for one mailbox. `progress` while it runs, `report` when it has ended."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="refreshes")
    trigger = models.CharField(max_length=12)  # button, schedule, command, connect; verify is a check that failed
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    fence = models.BigIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, blank=True)  # complete, partial, failed; empty while it runs
    cause = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=500, blank=True)
    progress = models.JSONField(default=dict)
    report = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "-started_at"], name="refresh_by_time")]

    def __str__(self) -> str:
        return f"refresh {self.pk} of mailbox {self.mailbox_id}"


class LedgerEntry(models.Model):
    """A remote message that is not held, and why. It is tried again until it is held or gone from the server."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="ledger")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, related_name="ledger")
    generation = models.CharField(max_length=40)
    remote_id = models.CharField(max_length=200)
    message_id = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    sender = models.TextField(blank=True)
    reason = models.CharField(max_length=40)
    detail = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    gap = models.ForeignKey("Gap", on_delete=models.SET_NULL, null=True, related_name="ledger")
    raw = models.BinaryField(null=True)  # what was fetched, where it could be fetched but not read

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["folder", "generation", "remote_id"], name="one_ledger_entry_per_message"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.remote_id}"


class Verification(models.Model):
    """A comparison of all remote ids with what is held."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="verifications")
    checked_at = models.DateTimeField()
    complete = models.BooleanField()
    on_server = models.PositiveIntegerField()
    accounted_for = models.PositiveIntegerField()
    folders = models.JSONField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "-checked_at"], name="verification_by_time")]

    def __str__(self) -> str:
        return f"{self.accounted_for} of {self.on_server}"


class WorkerSign(models.Model):
    """A worker that runs, and when it last said so, in database time."""

    name = models.CharField(max_length=100, unique=True)  # as in Mailbox.lease_owner: host:process
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
