"""The world of the page tests, for those that need a store: Alice, Bob and Charlie with a browser each."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.services.world import World, make_world
from tests.web.visiting import browser_of
from threadline.storage import search


@pytest.fixture
def world(transactional_db: None) -> World:
    search.rebuild()
    return make_world()


@pytest.fixture
def alice(world: World) -> Client:
    """Owns a mailbox; administrator of Acme."""
    return browser_of(world.alice)


@pytest.fixture
def bob(world: World) -> Client:
    """A colleague of hers."""
    return browser_of(world.bob)


@pytest.fixture
def charlie(world: World) -> Client:
    """Administrator of another company."""
    return browser_of(world.charlie)
