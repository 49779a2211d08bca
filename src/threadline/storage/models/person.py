"""Candidates and contacts, and the addresses that mail is matched by."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from threadline.storage.models.company import Company


class Kind(models.TextChoices):
    CANDIDATE = "candidate", "Candidate"
    CONTACT = "contact", "Contact"


class Person(models.Model):
    """A candidate or a contact. `created_at` is when the person was created in the CRM: mail counts from then on."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="people")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=300)
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001 - unique where given
    created_at = models.DateTimeField()
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="merged")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "external_id"], name="one_person_per_external_id"),
        ]
        indexes: ClassVar = [models.Index(fields=["company", "name", "id"], name="person_by_name")]

    def __str__(self) -> str:
        return self.name


class EmailAddress(models.Model):
    """A normalised address that occurs in a company, in mail or with a person. Matching is a join over this table."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=320)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "key"], name="one_row_per_address")]

    def __str__(self) -> str:
        return self.key


class PersonAddress(models.Model):
    """An address of a person: at most one primary, any number of secondary ones."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="addresses")
    address = models.ForeignKey(EmailAddress, on_delete=models.PROTECT, related_name="holders")
    as_written = models.CharField(max_length=400)
    primary = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "address"], name="one_row_per_person_and_address"),
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(primary=True), name="one_primary_address_per_person"
            ),
        ]

    def __str__(self) -> str:
        return self.as_written
