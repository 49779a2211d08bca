"""As the service tests: a store of its own, and Alice, Bob and Charlie in it."""

from tests.services.conftest import _store, world

__all__ = ["_store", "world"]
