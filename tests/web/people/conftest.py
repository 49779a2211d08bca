"""The service tests' world, seen through the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.services.world import World, make_world
from threadline.storage import search
from threadline.storage.models import User


@pytest.fixture(autouse=True)
def _store(transactional_db: None) -> None:
    """A refresh uses durable transactions, so tests cannot be wrapped in one; the search index starts empty."""
    search.rebuild()


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def alice(world: World, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(world.alice)


@pytest.fixture
def bob(world: World, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(world.bob)


@pytest.fixture
def charlie(world: World, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(world.charlie)
