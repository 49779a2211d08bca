"""From header fields to a `Head`: what both readings have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from threadline.domain.messages import Address
from threadline.providers.mime import defects, limits
from threadline.providers.mime.dates import parse_date
from threadline.providers.mime.message_ids import bounded, message_id, message_ids
from threadline.providers.mime.model import Head
from threadline.providers.mime.parameters import split_value
from threadline.providers.mime.texts import tidy, unstructured

ADDRESS_HEADERS = ("from", "reply-to", "to", "cc", "bcc")

Fields = Mapping[str, Sequence[str]]
"""Values by lower-cased header name, in their order, unfolded or not. Encoded words may be decoded already."""


def head_of(fields: Fields, addresses: dict[str, tuple[Address, ...]]) -> Head:
    """The header as a `Head`. Of a header that must occur once and does not, the first that holds something counts."""
    head = Head(
        subject=unstructured(_first(fields, "subject"), limits.SUBJECT_CHARS),
        addresses=addresses,
        message_id=message_id(_first(fields, "message-id")),
        in_reply_to=message_ids(_all(fields, "in-reply-to"))[: limits.REPLY_IDS],
        content_type=_first(fields, "content-type"),
    )
    references = message_ids(_all(fields, "references"))
    head.references = bounded(references)
    if len(head.references) < len(references):
        head.defects.append(defects.REFERENCES_CUT)
    if date := _first(fields, "date"):
        head.date = parse_date(date)
        if head.date is None:
            head.defects.append(defects.DATE)
    for name, found in addresses.items():
        if len(found) > limits.RECIPIENTS:
            addresses[name] = found[: limits.RECIPIENTS]
            head.defects.append(defects.RECIPIENTS_CUT)
    _sort(head, fields)
    return head


def clean_address(name: str, address: str) -> Address:
    """An address with its name in one line."""
    if len(name) + len(address) <= _REMEMBERED_CHARS:
        return _remembered(name, address)
    return _clean(name, address)


def _clean(name: str, address: str) -> Address:
    return Address(tidy(name, limits.ADDRESS_NAME_CHARS), tidy(address, limits.ADDRESS_NAME_CHARS))


_REMEMBERED_CHARS = 200
_remembered = lru_cache(maxsize=2048)(_clean)  # the same few correspondents stand in most of a mailbox


def _sort(head: Head, fields: Fields) -> None:
    value, parameters = split_value(head.content_type) if "report" in head.content_type.lower() else ("", {})
    report = parameters.get("report-type", "").strip().lower() if value == "multipart/report" else ""
    # X-Failed-Recipients: bounces of Exim and Gmail, which are not always a multipart/report.
    head.bounce = report == "delivery-status" or "x-failed-recipients" in fields
    submitted = _first(fields, "auto-submitted")
    if submitted:
        submitted = submitted.partition(";")[0].partition("(")[0].strip().lower()
    precedence = _first(fields, "precedence").strip().lower()
    head.automatic = (
        submitted not in {"", "no"}
        or report == "disposition-notification"  # a receipt (RFC 8098)
        or precedence in {"auto_reply", "auto-reply"}
        or "x-autoreply" in fields
        or "x-autorespond" in fields
    )
    head.bulk = "list-id" in fields or "list-unsubscribe" in fields or precedence in {"bulk", "list", "junk"}


def _first(fields: Fields, name: str) -> str:
    for value in fields.get(name, ()):
        if value and not value.isspace():
            return value
    return ""


def _all(fields: Fields, name: str) -> str:
    values = fields.get(name, ())
    return values[0] if len(values) == 1 else " ".join(values)
