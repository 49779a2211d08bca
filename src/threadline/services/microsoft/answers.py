"""What came back through the browser, and how a sign-in ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Returned:
    """The query of a callback (RFC 6749 sections 4.1.2 and 4.1.2.1; for an administrator's consent, Microsoft's)."""

    state: str
    code: str = ""
    error: str = ""
    description: str = ""
    subcode: str = ""
    tenant: str = ""
    admin_consent: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Returned:
        return cls(
            state=query.get("state", ""),
            code=query.get("code", ""),
            error=query.get("error", ""),
            description=query.get("error_description", "")[:2000],
            subcode=query.get("error_subcode", ""),
            tenant=query.get("tenant", ""),
            admin_consent=query.get("admin_consent", "").lower() == "true",
        )
