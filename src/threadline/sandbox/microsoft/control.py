"""The control API below `/v1/microsoft/`. The verbs are listed, with examples, in the docstring of the package."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from threadline.sandbox.http import Json, ProblemError, Request
from threadline.sandbox.microsoft.control_access import AccessVerbs
from threadline.sandbox.microsoft.control_mail import MailVerbs
from threadline.sandbox.microsoft.control_trouble import TroubleVerbs
from threadline.sandbox.microsoft.service import Microsoft

_LOOKS = ("accounts", "folders", "messages", "state", "log", "notifications")
_MAIL = ("account", "deliver", "deliver_many", "move", "delete", "read", "folder", "rename", "delete_folder")
_ACCESS = (
    "password", "revoke", "mfa", "challenge", "user", "withdraw_consent", "admin_approval", "grant_admin_consent",
    "secret", "redirects", "token_error", "rotation",
)  # fmt: skip
_TROUBLE = (
    "throttle", "fault", "clear_faults", "expire_deltas", "quirks", "lifecycle", "clear_log", "stop",
)  # fmt: skip


class MicrosoftControl:
    """Answers the requests below `/v1/microsoft/`."""

    def __init__(self, service: Microsoft) -> None:
        self.service = service
        self.mail, access, self._trouble = MailVerbs(service), AccessVerbs(service), TroubleVerbs(service)
        self._verbs: dict[tuple[str, str], Callable[[Json], Json]] = {}
        for group, names in ((self.mail, _MAIL), (access, _ACCESS), (self._trouble, _TROUBLE)):
            self._verbs |= {("POST", name): getattr(group, name) for name in names}
        self._verbs |= {
            ("GET", name): getattr(self.mail if hasattr(self.mail, name) else self._trouble, name) for name in _LOOKS
        }

    async def __call__(self, request: Request) -> Json:
        """The answer of the verb named, or ProblemError."""
        name = request.path.removeprefix("/v1/microsoft/")
        if (request.method, name) == ("POST", "start"):
            return await self._start()
        if (request.method, name) == ("POST", "empty"):
            return await self._empty()
        verb = self._verbs.get((request.method, name))
        if verb is None:
            raise ProblemError(f"There is no {request.method} {request.path}", HTTPStatus.NOT_FOUND)
        return verb(request.body)

    async def _empty(self) -> Json:
        """As new, and at an address that nobody knows yet."""
        self.service.empty()
        self.service.server.stop()
        self.service.server.port = 0
        return await self._start()

    async def _start(self) -> Json:
        """Listen again, on the same port."""
        try:
            await self.service.server.start()
        except OSError:
            raise ProblemError("The port has been taken by another program meanwhile", HTTPStatus.CONFLICT) from None
        return self._trouble.state({})
