"""Python imports this at its start where the tests' PYTHONPATH is inherited."""

import network_guard  # type: ignore[import-not-found]  # stands beside this file

network_guard.install()
