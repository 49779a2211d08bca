"""MX, SRV and autodiscover records. A name without them is an empty answer; a silent name service is Transient."""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.IN.SRV import SRV

from threadline.domain.causes import Cause
from threadline.domain.errors import Transient

NULL = "."  # RFC 7505: takes no mail; RFC 6186 section 3.4: the service is not offered


@dataclass(frozen=True, slots=True)
class Service:
    """One target of an SRV record (RFC 2782)."""

    host: str
    port: int


def mail_exchangers(resolver: dns.resolver.Resolver | None, domain: str, seconds: float) -> list[str]:
    """The MX names of the highest priority, sorted; [NULL] for a domain that takes no mail."""
    records = [r for r in _ask(resolver, domain, "MX", seconds) if isinstance(r, MX)]
    best = min((record.preference for record in records), default=0)
    return sorted({_text(record.exchange) for record in records if record.preference == best})


def services(resolver: dns.resolver.Resolver | None, service: str, domain: str, seconds: float) -> list[Service]:
    """The targets of `service` ("_imaps._tcp"), the preferred one first; [Service(NULL, 0)]: not offered."""
    records = [r for r in _ask(resolver, f"{service}.{domain}", "SRV", seconds) if isinstance(r, SRV)]
    records.sort(key=lambda record: (record.priority, -record.weight, _text(record.target)))
    return [Service(_text(record.target), record.port) for record in records]


def alias(resolver: dns.resolver.Resolver | None, name: str, seconds: float) -> str:
    """What the name is an alias of; "" for none."""
    records = [r for r in _ask(resolver, name, "CNAME", seconds) if isinstance(r, CNAME)]
    return _text(records[0].target) if records else ""


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _ask(resolver: dns.resolver.Resolver | None, name: str, kind: str, seconds: float) -> list[object]:
    try:
        asked = resolver or dns.resolver.Resolver()
        answer = asked.resolve(
            dns.name.from_text(name),
            dns.rdatatype.from_text(kind),
            lifetime=max(seconds, 0.1),
            raise_on_no_answer=False,
        )
    except dns.resolver.NXDOMAIN:
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise unanswered(error) from error
    return list(answer.rrset or [])


def unanswered(error: Exception) -> Transient:
    return Transient("The name service did not answer.", cause=Cause.HOST_UNKNOWN, certain=False, answer=str(error))
