"""Messages (once per company), their copies in mailboxes, and their links to people."""

from __future__ import annotations

from typing import ClassVar

import structlog
from django.db import models

from threadline.domain.packing import NotPacked, unpack
from threadline.domain.visibility import Where
from threadline.storage.models.company import Company, User
from threadline.storage.models.mailbox import Folder, Mailbox
from threadline.storage.models.person import EmailAddress, Person

log = structlog.get_logger(__name__)


class Conversation(models.Model):
    """Messages that answer each other, by References (RFC 5256 section 3), across the mailboxes of a company."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class ThreadReference(models.Model):
    """A Message-ID that was seen, as a message or in References: it says which conversation it belongs to."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=32)  # of the Message-ID: those have no length limit worth trusting
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="references")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "digest"], name="one_conversation_per_message_id")
        ]

    def __str__(self) -> str:
        return self.digest


class Message(models.Model):
    """One email, once per company, however many mailboxes hold it."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=32)  # hex of domain.matching.message_key
    message_id = models.TextField(null=True)  # noqa: DJ001 - absent is not empty
    message_id_digest = models.CharField(max_length=32, blank=True)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="messages")
    subject = models.TextField(blank=True)
    sender_name = models.TextField(blank=True)
    sender_address = models.TextField(blank=True)
    date = models.DateTimeField(null=True)  # the Date header
    at = models.DateTimeField()  # the time that counts, of the first copy stored
    kind = models.CharField(max_length=10)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "key"], name="one_row_per_message")]
        indexes: ClassVar = [
            models.Index(fields=["company", "message_id_digest"], name="message_by_message_id"),
            models.Index(fields=["conversation", "at"], name="message_by_conversation"),
        ]

    def __str__(self) -> str:
        return self.subject


class Body(models.Model):
    """What a reader sees of a message. Copies under one key may differ (a banner, a footer, a forgery): versions.

    Whoever shows a subject or a sender's name takes those of the version (`Copy.subject`, `Copy.sender_name`): the
    message's own came with the first copy, which may be a forgery in somebody else's mailbox.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="bodies")
    digest = models.CharField(max_length=64)
    # What the version shows where it is not its message's own: None says that it is.
    subject = models.TextField(null=True)  # noqa: DJ001 - none of its own is not an empty one
    sender_name = models.TextField(null=True)  # noqa: DJ001
    snippet = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    attachments = models.JSONField(default=list)
    recipients = models.JSONField(default=dict)  # to, cc and reply_to as the sender wrote them
    references = models.JSONField(default=list)
    complete = models.BooleanField(default=True)
    defects = models.JSONField(default=list)
    raw = models.BinaryField(null=True)  # kept where something could not be read
    packed_html = models.BinaryField(default=bytes)  # `html`; the largest, and after all that is read more often

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["message", "digest"], name="one_row_per_version")]

    def __str__(self) -> str:
        return self.snippet

    @property
    def html(self) -> str:
        """The HTML as received: cleaned when it is shown. Of HTML that is damaged in the store, nothing."""
        try:
            return unpack(bytes(self.packed_html))
        except NotPacked:
            log.warning("html cannot be unpacked; the text is shown", body=self.pk)
            return ""


class Copy(models.Model):
    """A message's occurrence in one mailbox, with what only this copy shows."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="copies")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, related_name="copies")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="copies")
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="copies")
    generation = models.CharField(max_length=40)
    remote_id = models.CharField(max_length=200)
    decided_at = models.DateTimeField()  # sent or received: the time that counts (condition 2)
    provider_at = models.DateTimeField(null=True)
    seen = models.BooleanField(default=False)
    flagged = models.BooleanField(default=False)
    answered = models.BooleanField(default=False)
    size = models.BigIntegerField(default=0)
    bcc = models.JSONField(default=list)  # as written; a recipient's colleagues never see the sender's
    where = models.CharField(max_length=10, default=Where.HERE.value)
    where_folder = models.CharField(max_length=1000, blank=True)
    where_since = models.DateTimeField(null=True)
    stored_at = models.DateTimeField()
    # Only its heading is here; its text and attachments follow, and until then it does not count as held.
    awaits_text = models.BooleanField(default=False, db_default=False)
    gap = models.ForeignKey("Gap", on_delete=models.SET_NULL, null=True, related_name="copies")  # back-filled

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["folder", "generation", "remote_id"], name="one_row_per_copy"),
        ]
        indexes: ClassVar = [
            # With the body: a search looks at every line of the list, and at the copy itself only where it found it.
            models.Index(fields=["folder", "where", "-decided_at", "-id", "body"], name="copy_list"),
            # Those of which something was to be said: they left, and when.
            models.Index(
                fields=["mailbox", "where_since"], condition=models.Q(where_since__isnull=False), name="copy_departed"
            ),
            models.Index(fields=["folder"], condition=models.Q(awaits_text=True), name="copy_awaits_text"),
        ]

    def __str__(self) -> str:
        return f"{self.folder_id}/{self.remote_id}"

    @property
    def subject(self) -> str:
        """As this copy shows it."""
        return self.message.subject if self.body.subject is None else self.body.subject

    @property
    def sender_name(self) -> str:
        """As this copy shows it."""
        return self.message.sender_name if self.body.sender_name is None else self.body.sender_name


class Participant(models.Model):
    """An address in the From, To, Cc or Bcc of a message. Bcc belongs to the copy that shows it."""

    class Role(models.TextChoices):
        FROM = "from", "From"
        TO = "to", "To"
        CC = "cc", "Cc"
        BCC = "bcc", "Bcc"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="participants")
    address = models.ForeignKey(EmailAddress, on_delete=models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=4, choices=Role.choices)
    name = models.TextField(blank=True)
    as_written = models.TextField(blank=True)
    copy = models.ForeignKey(Copy, on_delete=models.CASCADE, null=True, related_name="blind", db_index=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["address", "message"], name="participant_by_address")]

    def __str__(self) -> str:
        return self.as_written


class Link(models.Model):
    """A message on a person's profile, with the reason it is there. Once made it stays, until taken off by hand."""

    class Made(models.TextChoices):
        RULE = "rule", "by the rules"
        HAND = "hand", "by hand"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="links")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="links")
    at = models.DateTimeField()  # the message's time: a profile is read newest first
    role = models.CharField(max_length=4, blank=True)  # how the person takes part: from, to, cc, bcc
    made = models.CharField(max_length=4, choices=Made.choices, default=Made.RULE)
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()
    shared = models.BooleanField(default=False)  # two people have this primary address
    detached = models.BooleanField(default=False)  # taken off by hand: the rules do not put it back

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["message", "person"], name="one_link_per_profile")]
        indexes: ClassVar = [
            models.Index(fields=["person", "-at", "-id"], condition=models.Q(detached=False), name="link_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} on {self.person_id}"


class ToIndex(models.Model):
    """A body that the text index does not know yet, written by the transaction that stored it."""

    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="+", db_index=False)

    def __str__(self) -> str:
        return str(self.body_id)
