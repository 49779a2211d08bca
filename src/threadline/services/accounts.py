"""Companies and users: the first set-up, and adding to them."""

from __future__ import annotations

import secrets
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.services import audit
from threadline.services.errors import Conflict, Invalid, NotFound
from threadline.storage.models import Company, User

ROLES = ("member", "admin", "support")


def is_new() -> bool:
    """Whether nobody has set this installation up yet."""
    return not User.objects.exists()


def setup_token() -> str:
    """The word in the first set-up's address: only who started the program (or reads its data folder) knows it."""
    path = _token_file()
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(16))
    return path.read_text().strip()


def setup_token_is(token: str) -> bool:
    path = _token_file()
    return path.exists() and secrets.compare_digest(path.read_text().strip().encode(), token.encode())


def _token_file() -> Path:
    folder: Path = settings.DATA_DIR
    return folder / "setup.token"


def set_up(company_name: str, timezone: str, name: str, email: str, password: str) -> User:
    """The first company and its administrator. Refused when there is a user already."""
    with transaction.atomic():
        if not is_new():
            raise Conflict("This installation is set up already. Sign in instead.")
        company = add_company(company_name, timezone)
        user = add_user(email, company, name=name, role="admin", password=password, door="pages")
    _token_file().unlink(missing_ok=True)
    return user


def add_company(name: str, timezone: str = "UTC") -> Company:
    name = " ".join(name.split())
    if not name:
        raise Invalid("The company needs a name.", field="company")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"{timezone!r} is no time zone we know; expected a name such as Europe/Stockholm.",
            field="timezone",
        ) from None
    if Company.objects.filter(name__iexact=name).exists():
        raise Conflict(f"There is a company called {name} already.", field="company")
    return Company.objects.create(name=name, timezone=timezone, created_at=now())


def company_named(name: str) -> Company:
    company = Company.objects.filter(name__iexact=name.strip()).first()
    if company is None:
        known = ", ".join(Company.objects.order_by("name").values_list("name", flat=True)[:10]) or "none yet"
        raise NotFound(f"There is no company called {name!r}. Companies: {known}.", field="company")
    return company


def only_company() -> Company:
    """The company where there is just one; otherwise it must be named."""
    companies = list(Company.objects.order_by("name")[:2])
    if len(companies) == 1:
        return companies[0]
    if not companies:
        raise NotFound("There is no company yet. Add one: threadline company add NAME", field="company")
    raise Invalid("There are several companies here. Name one with --company NAME.", field="company")


def add_user(
    email: str,
    company: Company,
    *,
    name: str = "",
    role: str = "member",
    password: str | None = None,
    by: User | None = None,
    door: str,
) -> User:
    """A new user; without a password they choose one by "Forgot your password?"."""
    key = normalise(email)
    if key is None or "." not in key.rpartition("@")[2]:
        raise Invalid(f"{email!r} is no email address; expected one such as sofia@northgate.example.", field="email")
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role; expected one of {', '.join(ROLES)}.", field="role")
    if User.objects.filter(email=key).exists():
        raise Conflict(f"There is a user with the address {key} already.", field="email")
    user = User(email=key, company=company, name=" ".join(name.split()), role=role, created_at=now())
    if password is not None:
        check_password(password, user)
    user.set_password(password)
    user.save()
    audit.record(company.pk, by, door, "user added", key, {"role": role})
    return user


def change_user(user: User, *, role: str, active: bool, by: User, door: str) -> None:
    """Another role, or no sign-in any more (and again). Nobody does this to themselves: an administrator remains."""
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role; expected one of {', '.join(ROLES)}.", field="role")
    if user.pk == by.pk:
        raise Conflict("You cannot change your own role. Ask another administrator of your company.")
    if (user.role, user.is_active) == (role, active):
        return
    with transaction.atomic():
        if user.is_active and not active:
            from allauth.usersessions.models import UserSession  # noqa: PLC0415  not installed for every command

            for session in UserSession.objects.filter(user=user):
                session.end()
        user.role, user.is_active = role, active
        user.save(update_fields=["role", "is_active"])
        audit.record(user.company_id, by, door, "user changed", user.email, {"role": role, "active": active})


def check_password(password: str, user: User | None = None) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from None


def user_named(email: str) -> User:
    user = User.objects.select_related("company").filter(email=(normalise(email) or email.lower())).first()
    if user is None:
        raise NotFound(f"There is no user with the address {email!r}.", field="user")
    return user
