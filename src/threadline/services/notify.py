"""Letters that Threadline itself sends to its users: what happened, and what to do."""

from __future__ import annotations

from smtplib import SMTPException

import structlog
from django.core.mail import send_mail

from threadline.storage.models import User

log = structlog.get_logger(__name__)


def tell(user: User, subject: str, text: str) -> bool:
    """Send a letter; False, with a line in the log, where the mail server does not take it. The pages say the same."""
    try:
        send_mail(subject, f"Hello {user.get_short_name()},\n\n{text}\n\nThreadline", None, [user.email])
    except (SMTPException, OSError):
        log.exception("a letter could not be sent", user=user.pk, subject=subject)
        return False
    return True
