"""Tenants, users, the registered application, and what was consented to: the part of Entra that is a directory."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from threadline.sandbox.microsoft.aadsts import EntraError
from threadline.sandbox.microsoft.database import Database, seconds

# Allowed to a user whatever the tenant's policy: they are not on the list of excluded permissions.
HARMLESS = frozenset({"openid", "profile", "email", "offline_access", "User.Read"})
KNOWN_SCOPES = HARMLESS | {
    "Mail.Read", "Mail.ReadBasic", "Mail.ReadWrite", "Mail.Send", "Mail.Read.Shared", "MailboxSettings.Read",
    ".default",
}  # fmt: skip
MANY = ("common", "organizations", "consumers")
KINDS = ("cloud", "on_premises", "unlicensed", "soft_deleted", "guest", "shared")


def short(scope: str) -> str:
    """`Mail.Read` for `https://graph.microsoft.com/Mail.Read`, of any cloud."""
    if scope.startswith(("https://", "http://")):
        return scope.rpartition("/")[2]
    return scope


def scopes_of(text: str) -> frozenset[str]:
    """The scopes of a request, short and without their order."""
    return frozenset(short(one) for one in text.split())


class Directory:
    """The tenants, their users, and the one application."""

    def __init__(self, db: Database) -> None:
        self.db = db
        if db.get("client_id") is None:
            db.set("client_id", str(uuid.uuid4()))
            db.set("client_secret", "sandbox~" + uuid.uuid4().hex)
            db.set("redirect_uris", [])
            db.set("certificates", [])

    # -- the application -----------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        return str(self.db.get("client_id"))

    @property
    def client_secret(self) -> str:
        return str(self.db.get("client_secret"))

    def redirect_allowed(self, uri: str) -> bool:
        """Exactly one of the registered; where none is registered, anything on this machine."""
        registered = self.db.get("redirect_uris")
        if isinstance(registered, list) and registered:
            return uri in registered
        url = urlsplit(uri)
        return url.scheme in ("http", "https") and url.hostname in ("127.0.0.1", "localhost", "testserver")

    # -- tenants and users ---------------------------------------------------------------------------------

    def tenant(self, name: str) -> sqlite3.Row | None:
        """By id or domain."""
        return self.db.one("select * from tenant where tid = ?1 or domain = ?1", name.lower())

    def tenant_id(self, name: str) -> str:
        """The id of a tenant, "" for the names that stand for many. EntraError."""
        if name.lower() in MANY:
            return ""
        found = self.tenant(name)
        if found is None:
            raise EntraError(90002, tenant=name)
        return str(found["tid"])

    def tenant_for(self, domain: str) -> sqlite3.Row:
        """The tenant of this domain, made where there is none. New tenants let users consent by themselves."""
        found = self.tenant(domain)
        if found is None:
            self.db.run(
                "insert into tenant (tid, domain, admin_consent, known_app) values (?, ?, 'off', 0)",
                str(uuid.uuid4()), domain.lower(),
            )  # fmt: skip
            found = self.tenant(domain)
        assert found is not None  # noqa: S101  (it was just made)
        return found

    def users(self) -> list[sqlite3.Row]:
        """Everybody, by address."""
        return self.db.all("select * from user order by upn")

    def user(self, name: str) -> sqlite3.Row | None:
        """By object id, sign-in name or address."""
        return self.db.one("select * from user where oid = ?1 or upn = lower(?1) or mail = lower(?1)", name)

    def create_user(
        self, address: str, password: str, *, name: str = "", admin: bool = False, kind: str = "cloud", mfa: str = "off"
    ) -> sqlite3.Row:
        """A new user in the tenant of the address's domain; a guest's tenant is `northgate-365.example`."""
        address = address.lower()
        domain = address.rpartition("@")[2]
        upn = address
        if kind == "guest":
            home = "northgate-365.example" if domain != "northgate-365.example" else "partner.example"
            upn, domain = f"{address.replace('@', '_')}#ext#@{home}", home
        tenant = self.tenant_for(domain)
        oid = str(uuid.uuid4())
        shown = name or address.partition("@")[0].replace(".", " ").title()
        self.db.run(
            "insert into user (oid, tid, upn, mail, name, password, admin, kind, state, mfa, satisfied,"
            " delta_generation) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1)",
            oid, tenant["tid"], upn, address, shown, password, admin, kind,
            "disabled" if kind == "shared" else "active", mfa,
        )  # fmt: skip
        found = self.user(oid)
        assert found is not None  # noqa: S101  (it was just made)
        return found

    def change_user(self, user: sqlite3.Row, **values: object) -> None:
        """Set columns of a user."""
        for name, value in values.items():
            if name not in user.keys():  # noqa: SIM118  (a Row is no mapping)
                raise KeyError(name)
            self.db.run(f"update user set {name} = ? where oid = ?", value, user["oid"])  # noqa: S608  (checked)

    # -- consent -------------------------------------------------------------------------------------------

    def consented(self, user: sqlite3.Row) -> frozenset[str]:
        """What the user, or an administrator for everybody, has consented to."""
        rows = self.db.all("select scope from grant_ where tid = ? and oid in (?, '*')", user["tid"], user["oid"])
        return frozenset(row[0] for row in rows)

    def consent(self, tid: str, oid: str, scopes: Iterable[str]) -> None:
        """Remember it; oid `*` is an administrator's consent for everybody."""
        with self.db.transaction():
            for scope in scopes:
                self.db.run("insert or ignore into grant_ (tid, oid, scope) values (?, ?, ?)", tid, oid, scope)
            self.db.run("update tenant set known_app = 1 where tid = ?", tid)

    def withdraw(self, tid: str) -> None:
        """Every consent of the tenant is taken back."""
        self.db.run("delete from grant_ where tid = ?", tid)

    def needs_admin(self, user: sqlite3.Row, scopes: Iterable[str]) -> bool:
        """Whether the tenant's policy lets only an administrator consent to one of these."""
        tenant = self.tenant(user["tid"])
        policy = tenant["admin_consent"] if tenant else "off"
        return policy != "off" and not user["admin"] and bool(set(scopes) - HARMLESS)

    # -- what security changes do --------------------------------------------------------------------------

    def kill_refresh_tokens(self, user: sqlite3.Row, code: int) -> None:
        """Every refresh token of the user is refused from now on, with this AADSTS code."""
        self.db.run("update refresh set dead = ? where oid = ? and dead = 0", code, user["oid"])

    def challenge_access_tokens(self, user: sqlite3.Row, now: datetime) -> int:
        """Continuous access evaluation: tokens issued before are challenged. Returns the moment asked for."""
        moment = max(seconds(now), int(user["satisfied"])) + 1
        self.change_user(user, satisfied=moment)
        return moment
