"""Addresses as people write them, and the key by which two of them are the same."""

from __future__ import annotations

from enum import Enum


class NearMiss(Enum):
    """How an address of the email nearly is the person's primary address."""

    SECONDARY_ADDRESS = "secondary_address"
    PLUS_TAG = "plus_tag"
    DOT_VARIANT = "dot_variant"
    STORED_MALFORMED = "stored_malformed"
    UNKNOWN_ADDRESS_KNOWN_CONVERSATION = "unknown_address_known_conversation"
