"""Secrets at rest."""

from __future__ import annotations

import pytest

from threadline.storage.sealing import SealBroken, seal, unseal

OLD, NEW = "o" * 40, "n" * 40


def test_what_is_sealed_opens_again_and_shows_nothing_of_itself() -> None:
    sealed = seal(b"hunter2", context="mailbox 1", secrets=(NEW,))
    assert b"hunter2" not in sealed
    assert unseal(sealed, context="mailbox 1", secrets=(NEW,)) == b"hunter2"
    assert seal(b"hunter2", context="mailbox 1", secrets=(NEW,)) != sealed


def test_a_secret_cannot_be_moved_to_another_mailbox() -> None:
    sealed = seal(b"hunter2", context="mailbox 1", secrets=(NEW,))
    with pytest.raises(SealBroken, match="another mailbox"):
        unseal(sealed, context="mailbox 2", secrets=(NEW,))


@pytest.mark.parametrize("position", [0, 1, 9, 21, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(seal(b"hunter2", context="mailbox 1", secrets=(NEW,)))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        unseal(bytes(sealed), context="mailbox 1", secrets=(NEW,))


def test_an_old_key_opens_what_it_sealed_until_it_is_gone() -> None:
    sealed = seal(b"hunter2", context="mailbox 1", secrets=(OLD,))
    assert unseal(sealed, context="mailbox 1", secrets=(NEW, OLD)) == b"hunter2"
    with pytest.raises(SealBroken, match="does not have"):
        unseal(sealed, context="mailbox 1", secrets=(NEW,))
