"""Django's settings, made from the environment table."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from threadline.config.environment import read
from threadline.config.keyfile import installation_secrets
from threadline.config.microsoft import Registration, registration

ENVIRONMENT = read()
PACKAGE = Path(__file__).resolve().parent.parent
DATA_DIR: Path = ENVIRONMENT["THREADLINE_DATA_DIR"]
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
TESTING: bool = ENVIRONMENT["THREADLINE_TESTING"]
DEMO: bool = ENVIRONMENT["THREADLINE_DEMO"]
SUPPORT_EMAIL: str = ENVIRONMENT["THREADLINE_SUPPORT_EMAIL"]
BASE_URL: str = ENVIRONMENT["THREADLINE_BASE_URL"]
HOST: str = ENVIRONMENT["THREADLINE_HOST"]
PORT: int = ENVIRONMENT["THREADLINE_PORT"]
MICROSOFT: Registration = registration(ENVIRONMENT)
WORKERS: int = ENVIRONMENT["THREADLINE_WORKERS"]
ALLOW_MAIL_HOSTS: frozenset[str] = ENVIRONMENT["THREADLINE_ALLOW_HOSTS"]
DEBUG = False
KEY_FILE: Path | None = None if ENVIRONMENT["THREADLINE_SECRET_KEY"] else DATA_DIR / "secret.key"
SECRETS: tuple[str, ...] = ENVIRONMENT["THREADLINE_SECRET_KEY"] or installation_secrets(DATA_DIR / "secret.key")
SECRET_KEY, SECRET_KEY_FALLBACKS = SECRETS[0], list(SECRETS[1:])
SECURE = BASE_URL.startswith("https://")
TRUSTED_PROXY: str = ENVIRONMENT["THREADLINE_TRUSTED_PROXY"]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "threadline.storage",
    "threadline.web",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "threadline.web.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "threadline.web.middleware.last_seen",
    "threadline.web.start.set_up.set_up_first",
    "threadline.web.middleware.company_time",
    "threadline.web.middleware.NothingHere",
]
ROOT_URLCONF = "threadline.config.urls"
WSGI_APPLICATION = "threadline.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "threadline.web.frame.frame",
            ],
        },
    },
]

# --- the store -------------------------------------------------------------------------------------------------------

STORE = DATA_DIR / "threadline.sqlite3"
SEARCH_STORE = DATA_DIR / "search.sqlite3"


def _embedded() -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STORE,
        "TEST": {"NAME": DATA_DIR / f"test-{os.getpid()}.sqlite3"},
        "OPTIONS": {
            # A write transaction takes the lock at its start: two that read and then write would otherwise deadlock.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # What is mapped counts as memory of every process that reads; a larger map was no quicker.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
                "PRAGMA mmap_size=16777216; PRAGMA cache_size=-32000; PRAGMA journal_size_limit=67108864; "
                # Every one writes the pages of the indexes anew: seldom, and within the limit above.
                "PRAGMA wal_autocheckpoint=8000"
            ),
        },
    }


DATABASES = {"default": ENVIRONMENT["DATABASE_URL"] or _embedded()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people who sign in ----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "storage.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "threadline.web.accounts.ClosedDoor"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/m/key",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Threadline"
# Addresses are an administrator's word; there is nothing to verify before two-step sign-in may be switched on.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# --- security --------------------------------------------------------------------------------------------------------

ALLOWED_HOSTS = ["*"] if TESTING else [HOST, "localhost", "127.0.0.1", "[::1]"]
if BASE_URL:
    ALLOWED_HOSTS = [urlsplit(BASE_URL).hostname or HOST, *(["*"] if TESTING else [])]
    CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_USE_SESSIONS = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
SILENCED_SYSTEM_CHECKS: list[str] = []

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "threadline",
    }
}

# --- mail that Threadline itself sends -------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SUPPORT_EMAIL or "threadline@localhost"
if ENVIRONMENT["THREADLINE_SMTP_URL"]:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    globals().update(ENVIRONMENT["THREADLINE_SMTP_URL"])
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "outbox"

# --- the demo's own mail server --------------------------------------------------------------------------------------

SANDBOX_READY_FILE = DATA_DIR / "sandbox" / "ready.json"
MAIL_SERVERS: dict[str, dict[str, Any]] = {}
MICROSOFT_DOMAINS: frozenset[str] = frozenset()  # whose mail is in the sandbox's Microsoft 365
NOTIFIED_HERE = False  # the sandbox's Microsoft is on this machine, and calls the pages where they are served
if SANDBOX_READY_FILE.exists():
    _ready = json.loads(SANDBOX_READY_FILE.read_text(encoding="utf-8"))
    ALLOW_MAIL_HOSTS |= {f"{_ready['host']}:{_ready['imap_port']}"}
    for _account in _ready["accounts"]:
        MAIL_SERVERS[_account["address"].partition("@")[2]] = {
            "host": _ready["host"],
            "port": _ready["imap_port"],
            "security": "none",
            "username": "%EMAILADDRESS%",
        }

    if "microsoft" in _ready and not MICROSOFT.complete:
        _known = _ready["microsoft"]
        MICROSOFT = replace(
            MICROSOFT, **{name: _known[name] for name in ("client_id", "client_secret", "login_url", "graph_url")}
        )
        MICROSOFT_DOMAINS = frozenset(_account["address"].partition("@")[2] for _account in _known["accounts"])
        NOTIFIED_HERE = True

if MICROSOFT.notifications_url:  # Microsoft may reach us by another name than people do
    ALLOWED_HOSTS.append(urlsplit(MICROSOFT.notifications_url).hostname or HOST)

# --- the rest --------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Files are served where they lie: there is nothing to collect, and nothing to forget after an update.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
LOGGING_CONFIG = None
