"""Reaching a server: names to addresses, TCP, TLS. Every failure is a `Transient` that names its cause.

The address that `resolve` hands out, and so has checked, is the one connected to; the certificate is checked
against the host's name all the same. Certificates are verified unless the caller brings an `SSLContext` that does not.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from threadline.domain.causes import Cause
from threadline.domain.errors import ProviderError, Transient
from threadline.providers.network import Endpoint, Resolver, system_resolver

_MOST_ADDRESSES = 4  # of a host with many, so that a dead one does not hold a person up for minutes


def resolve_endpoints(host: str, port: int, resolve: Resolver | None) -> Sequence[Endpoint]:
    """The endpoints of a host, at least one."""
    try:
        endpoints = (resolve or system_resolver)(host, port)
    except ProviderError:
        raise
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that is too long or empty
        raise _host_unknown(host, str(error)) from error
    if not endpoints:
        raise _host_unknown(host, "no address")
    return endpoints[:_MOST_ADDRESSES]


def connect_tcp(host: str, endpoints: Sequence[Endpoint], timeout: float) -> socket.socket:
    """A connection to the first endpoint that takes one."""
    error: ProviderError | None = None
    for endpoint in endpoints:
        connection = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect((endpoint.address, endpoint.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as failure:
            connection.close()
            error = network_error(failure, host, while_connecting=True)
        else:
            return connection
    raise error or _host_unknown(host, "no address")


def wrap_tls(connection: socket.socket, host: str, context: ssl.SSLContext | None) -> ssl.SSLSocket:
    """Turns a connection to TLS and checks the certificate."""
    context = context or ssl.create_default_context()
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except OSError as failure:
        connection.close()
        raise network_error(failure, host, while_connecting=True) from failure
    except ValueError as failure:  # a host name that TLS cannot carry
        connection.close()
        raise _host_unknown(host, str(failure)) from failure


def network_error(failure: OSError, host: str, *, while_connecting: bool = False) -> Transient:
    """What a failure of the network means."""
    answer = str(failure)[:500]
    if isinstance(failure, ssl.SSLCertVerificationError):
        return Transient(
            f"The certificate of {host} is not valid: {failure.verify_message}.",
            cause=Cause.CERTIFICATE_INVALID,
            answer=answer,
        )
    if isinstance(failure, ssl.SSLError) and while_connecting:
        return Transient(
            f"{host} does not speak TLS on this port as a mail server should.",
            cause=Cause.NOT_A_MAIL_SERVER,
            certain=False,
            answer=answer,
        )
    if isinstance(failure, TimeoutError):
        return Transient(f"{host} does not answer.", cause=Cause.HOST_SILENT, answer=answer)
    if isinstance(failure, ConnectionRefusedError):
        return Transient(f"{host} does not take connections on this port.", cause=Cause.HOST_REFUSED, answer=answer)
    if while_connecting and not isinstance(failure, ConnectionError | ssl.SSLError):
        return Transient(f"{host} cannot be reached.", cause=Cause.HOST_SILENT, answer=answer)
    return Transient(
        f"The connection to {host} broke off. We try again by ourselves.",
        cause=Cause.CONNECTION_LOST,
        answer=answer,
    )


def _host_unknown(host: str, answer: str) -> Transient:
    return Transient(f"There is no server named {host}.", cause=Cause.HOST_UNKNOWN, answer=answer[:500])
