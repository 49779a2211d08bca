"""What a mailbox that signs in at its provider was granted, the sign-ins under way, and what an organisation does."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models

from threadline.storage.models.company import Company, User
from threadline.storage.models.mailbox import Mailbox


class Grant(models.Model):
    """The tokens of a mailbox, sealed. A table of its own: no query for a mailbox ever reads them by accident.

    Whoever renews claims the row by a conditional UPDATE, asks outside any transaction, and stores the answer only if
    `version` is still the one it read. `claimed_until` is database time; all other times are the product's clock.
    """

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, related_name="grant")
    version = models.PositiveIntegerField(default=1)
    refresh_token = models.BinaryField()  # sealed
    access_token = models.BinaryField()  # sealed
    access_expires_at = models.DateTimeField()
    granted_at = models.DateTimeField()  # when a person last signed in
    issued_at = models.DateTimeField()  # when the refresh token was issued
    used_at = models.DateTimeField()  # when the provider last accepted it (or its predecessor), or issued the first
    renew_at = models.DateTimeField()  # when it is renewed for its own sake, if nothing has before

    claim = models.CharField(max_length=32, blank=True)  # who renews now
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)  # renewals that were refused or not answered
    refusal = models.JSONField(default=dict)  # what the last of them met, for those who waited for it
    warned = models.PositiveSmallIntegerField(null=True)  # days before the expiry at which its owner was last warned

    class Meta:
        indexes: ClassVar = [models.Index(fields=["renew_at"], name="grant_due")]

    def __str__(self) -> str:
        return f"grant of mailbox {self.mailbox_id}"


class SignIn(models.Model):
    """A sign-in at a provider that is under way: one use, and gone stale after its time.

    The state that travels through the browser is kept as a digest only.
    """

    class Purpose(models.TextChoices):
        AUTHORISE = "authorise"
        APPROVE = "approve"  # an administrator allows the access for an organisation

    class Outcome(models.TextChoices):
        WAITING = ""
        CONNECTED = "connected"
        OTHER_ACCOUNT = "other_account"  # signed in, but as somebody else than was typed: to be confirmed
        APPROVAL = "approval"  # an administrator has to act first
        REFUSED = "refused"

    state = models.CharField(max_length=64, unique=True)  # SHA-256, hexadecimal
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.AUTHORISE)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, null=True, related_name="+")
    address = models.CharField(max_length=320)
    door = models.CharField(max_length=20)
    session = models.CharField(max_length=64, blank=True)  # SHA-256 of the browser's session; "" for the command line
    redirect_uri = models.CharField(max_length=1000)
    sealed = models.BinaryField()  # verifier and nonce; after OTHER_ACCOUNT, what was granted
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=14, choices=Outcome.choices, default=Outcome.WAITING, blank=True)
    cause = models.CharField(max_length=40, blank=True)
    sentence = models.TextField(blank=True)
    answer = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.address}"

    def is_stale(self, now: datetime) -> bool:
        return self.used_at is None and self.expires_at <= now


class GrantEnd(models.Model):
    """A grant that ended: after how long, and why. What an organisation did before, it will likely do again."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="grant_ends")
    organisation = models.CharField(max_length=64)  # the provider's id of it (Microsoft: tid)
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    cause = models.CharField(max_length=40)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organisation", "-ended_at"], name="grant_end_by_time")]

    def __str__(self) -> str:
        return f"{self.granted_at} to {self.ended_at}"


class InstallationFault(models.Model):
    """Something about this installation itself that a provider refuses: no mailbox's fault, and no user's task."""

    provider = models.CharField(max_length=10, unique=True)
    cause = models.CharField(max_length=40)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    answer = models.TextField(blank=True)
    settings = models.CharField(max_length=64)  # a digest of the settings that were refused: others are tried at once

    def __str__(self) -> str:
        return f"{self.provider}: {self.cause}"
