"""What a provider was asked to tell us of by itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from threadline.storage.models.mailbox import Folder, Mailbox


class Subscription(models.Model):
    """A folder whose changes Microsoft tells us of, or shall: made, renewed and taken back by the worker.

    It is a hint and nothing more. No email waits for it, and its trouble is never the mailbox's.
    """

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="subscriptions")
    folder = models.OneToOneField(Folder, on_delete=models.CASCADE, related_name="subscription")
    address = models.CharField(max_length=1000)  # of this installation, as Microsoft was told
    remote_id = models.CharField(max_length=200, blank=True)  # "" while Microsoft has none
    state = models.CharField(max_length=64, blank=True)  # SHA-256 of the client state, hexadecimal
    expires_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()  # when it is made or renewed next
    renewed_at = models.DateTimeField(null=True)  # when it was last made or renewed

    told_at = models.DateTimeField(null=True)  # when Microsoft last told us of something
    hinted_at = models.DateTimeField(null=True)  # since when a refresh is to be brought forward for it
    missed_at = models.DateTimeField(null=True)  # when a check was last asked for, since notifications were lost

    failures = models.PositiveIntegerField(default=0)  # in a row
    cause = models.CharField(max_length=40, blank=True)
    problem = models.CharField(max_length=500, blank=True)  # a sentence
    answer = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["remote_id"], condition=~models.Q(remote_id=""), name="one_row_per_subscription"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="subscription_due"),
            models.Index(fields=["hinted_at"], condition=models.Q(hinted_at__isnull=False), name="subscription_hinted"),
        ]

    def __str__(self) -> str:
        return f"subscription to folder {self.folder_id}"
