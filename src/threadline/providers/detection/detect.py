"""From an address to the server that keeps its mail.

`detect` always returns, within its deadline, with what was tried. What could be forged on its way counts less
than what could not: the settings page over plain http is asked only when every other source knew nothing, and a
guess is the last resort. No password is involved.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from threadline.providers.address import check_address, split_address
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.detection import records, sources
from threadline.providers.detection.inquiry import Inquiry, Means
from threadline.providers.detection.result import Detection, DetectionStep, Finding, Outcome, Source
from threadline.providers.network import in_background

_Ask = Callable[[Inquiry], Finding]

# All of a wave are asked at once; their answers count in this order.
_FIRST_WAVE: tuple[tuple[Source, _Ask], ...] = (
    (Source.MX, sources.known_exchanger),
    (Source.AUTOCONFIG, sources.autoconfig),
    (Source.WELL_KNOWN, sources.well_known),
    (Source.ISPDB, sources.ispdb),
    (Source.MX_HOST, sources.exchangers_settings),
    (Source.SRV, sources.service_records),
)
_SECOND_WAVE: tuple[tuple[Source, _Ask], ...] = (
    (Source.PLAIN_AUTOCONFIG, sources.plain_autoconfig),
    (Source.GUESS, sources.usual_names),
)
_FIRST_SHARE = 0.6  # of the time; the rest is for the second wave


def detect(
    address: str,
    *,
    allow: frozenset[str] = frozenset(),
    deadline_seconds: float = 10,
    overrides: Mapping[str, ServerSettings] | None = None,
    means: Means | None = None,
) -> Detection:
    """Finds the mail server of `address`; never raises for what the outside does or for a bad address.

    `allow` is what `threadline.providers.network` takes. `overrides` are this installation's own answers by
    domain; the user name in them may hold %EMAILADDRESS% or %EMAILLOCALPART%, and is the address when empty.
    """
    began = time.monotonic()
    if wrong := check_address(address):
        return Detection(address.strip(), "", None, (), None, (), protected=False, hint=wrong)
    local, domain = split_address(address)
    means = means or Means()
    inquiry = Inquiry(
        address.strip(), local, domain, allow, means,
        tls=means.tls or ssl.create_default_context(), deadline=began + deadline_seconds,
    )  # fmt: skip

    steps: list[DetectionStep] = []
    if settings := (overrides or {}).get(domain):
        return _result(inquiry, steps, Source.INSTALLATION, _installed(inquiry, settings))
    known = sources.known_domain(inquiry)
    if known.outcome is Outcome.FOUND:
        return _result(inquiry, steps, Source.KNOWN, known)
    steps.append(DetectionStep(Source.KNOWN, known.outcome, known.detail))

    _look_up_exchangers(inquiry)
    for wave, until in (
        (_FIRST_WAVE, began + deadline_seconds * _FIRST_SHARE),
        (_SECOND_WAVE, inquiry.deadline),
    ):
        if found := _ask_all(inquiry, wave, until, steps):
            return _result(inquiry, steps, *found)
    return Detection(
        inquiry.address, domain, None, (), None, tuple(steps), protected=False, hint=_advice(domain, steps)
    )


def _look_up_exchangers(inquiry: Inquiry) -> None:
    future, seconds = inquiry.exchangers, inquiry.seconds(sources.DNS_SECONDS)

    def look_up() -> None:
        try:
            future.set_result(records.mail_exchangers(inquiry.means.name_service, inquiry.domain, seconds))
        except BaseException as error:  # noqa: BLE001  raised again where the answer is needed
            future.set_exception(error)

    in_background(look_up)


def _ask_all(
    inquiry: Inquiry, wave: Sequence[tuple[Source, _Ask]], until: float, steps: list[DetectionStep]
) -> tuple[Source, Finding] | None:
    """The first answer in the wave's order. What comes after it is not waited for."""
    asked = [(source, in_background(lambda ask=ask: ask(inquiry))) for source, ask in wave]  # type: ignore[misc]
    for source, future in asked:
        try:
            finding = future.result(max(until - time.monotonic(), 0))
        except TimeoutError:
            finding = Finding(Outcome.NO_ANSWER, "There was no answer in time.")
        if finding.outcome is Outcome.FOUND:
            return source, finding
        steps.append(DetectionStep(source, finding.outcome, finding.detail))
    return None


def _result(inquiry: Inquiry, steps: list[DetectionStep], source: Source, finding: Finding) -> Detection:
    return Detection(
        inquiry.address, inquiry.domain, finding.provider, finding.servers, source,
        (*steps, DetectionStep(source, finding.outcome, finding.detail)), finding.protected, finding.hint,
    )  # fmt: skip


def _installed(inquiry: Inquiry, settings: ServerSettings) -> Finding:
    server = inquiry.settings(settings.host, settings.port, settings.security, settings.username or "%EMAILADDRESS%")
    protected = settings.security is not Security.NONE or _on_this_machine(settings.host)
    detail = f"This installation names {settings.host} for {inquiry.domain}."
    return Finding(Outcome.FOUND, detail, (server,), "imap", protected)


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _advice(domain: str, steps: Sequence[DetectionStep]) -> str:
    no_names = all(step.outcome is Outcome.NO_ANSWER for step in steps if step.source in {Source.MX, Source.SRV})
    reason = "because this machine could not look up names on the internet. " if no_names else ""
    return (
        f"We did not find the mail server of {domain}{', ' + reason if reason else '. '}"
        "Enter the server yourself: your IT department or your mail host knows its name, which is often "
        f"imap.{domain} or mail.{domain}."
    )
