"""Python imports this at its start where the tests' PYTHONPATH is inherited."""

import network_guard

network_guard.install()
