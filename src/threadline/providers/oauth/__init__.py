"""Signing in by OAuth 2.0: where a browser is sent, what comes back, and what a refusal means."""
