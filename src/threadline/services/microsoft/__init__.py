"""Microsoft 365: signing in, an administrator's approval, and how this installation is registered."""
