"""The forms of Settings: an address, and signing in to a mail server."""

from __future__ import annotations

from typing import Any

from django import forms

from threadline.domain.causes import Cause
from threadline.domain.errors import ProviderError
from threadline.services.connect import sentence_while_connecting
from threadline.services.errors import Refused

SECURITY = [
    ("tls", "TLS (the usual one)"),
    ("starttls", "STARTTLS"),
    ("none", "None (not protected)"),
]
# The field that a cause is about; the others are about the form as a whole.
_FIELD_OF: dict[Cause, str] = {
    Cause.CREDENTIALS_REJECTED: "password",
    Cause.PASSWORD_EXPIRED: "password",
    Cause.APP_PASSWORD_REQUIRED: "password",
    Cause.WEB_SIGN_IN_REQUIRED: "password",
    Cause.HOST_UNKNOWN: "host",
    Cause.HOST_REFUSED: "host",
    Cause.HOST_SILENT: "host",
    Cause.HOST_NOT_ALLOWED: "host",
    Cause.CERTIFICATE_INVALID: "host",
    Cause.NOT_A_MAIL_SERVER: "host",
    Cause.PLAINTEXT_REFUSED: "security",
}


class AddressForm(forms.Form):
    address = forms.CharField(
        label="Your email address",
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "you@company.example"}),
        error_messages={"required": "Enter an email address, for example anna@northgate.example."},
    )


class SignInForm(forms.Form):
    """Where the mailbox is and its password. The password is never shown again."""

    host = forms.CharField(
        label="Server",
        max_length=253,
        error_messages={"required": "Enter the name of the mail server, for example imap.northgate.example."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    port = forms.IntegerField(
        label="Port",
        required=False,
        min_value=1,
        max_value=65535,
        help_text="Empty: the usual one, 993 for TLS and 143 otherwise.",
        error_messages={
            "invalid": "The port is a number, for example 993.",
            "min_value": "The port is a number from 1 to 65535.",
            "max_value": "The port is a number from 1 to 65535.",
        },
    )
    security = forms.ChoiceField(
        label="Protection",
        choices=SECURITY,
        help_text="With “None”, your password and your mail can be read by everyone on the way. "
        "Choose it only for a server on your own machine or network.",
    )
    username = forms.CharField(
        label="User name",
        max_length=320,
        help_text="Usually the whole address.",
        error_messages={"required": "Enter the user name, usually the whole address."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label="Password of this mailbox",
        strip=False,
        max_length=1000,
        error_messages={"required": "Enter the password of this mailbox."},
        # The browser would otherwise offer to keep it as the password of Threadline.
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def refused(self, refusal: Refused) -> None:
        """Show what a service refused beside its field."""
        self.add_error(refusal.field if refusal.field in self.fields else None, refusal.sentence)

    def failed(self, error: ProviderError) -> None:
        """Show what the mail server answered beside the field it is about."""
        self.add_error(_FIELD_OF.get(error.cause), sentence_while_connecting(error))

    @property
    def server_is_wrong(self) -> bool:
        return any(name in self.errors for name in ("host", "port", "security", "username"))

    @property
    def where(self) -> dict[str, Any]:
        """The server as the form has it now, to be read before the password is entered."""
        value = {name: self[name].value() for name in ("host", "port", "security", "username")}
        on_this_machine = str(value["host"]) in {"localhost", "127.0.0.1", "::1"}
        return value | {"unprotected": value["security"] == "none" and not on_this_machine}
