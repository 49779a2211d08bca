"""No test reaches any address but loopback and Unix sockets, in this process or in one it starts.

Python's own audit events are used, below everything that could be patched or imported around. `sitecustomize` beside
this file puts the guard into every Python that inherits our PYTHONPATH, such as the `threadline` command under test.

What is refused looks like an unplugged machine to the program, and is written to the file named by
THREADLINE_TEST_BLOCKED, so that the test fails even when the program handled the error well.
"""

import ipaddress
import os
import socket
import sys
from typing import Any

# Reserved by RFC 2606 and RFC 6761: nobody has to be asked to know that they do not exist.
_NOWHERE = (".test", ".invalid", ".example", "example.com", "example.net", "example.org")
_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
# A resolver on loopback (systemd-resolved, dnsmasq) would pass the question on to the world.
_DNS = 53


class NetworkBlocked(OSError):  # read as a sentence
    """A test tried to reach something that is not on this machine."""


def install() -> None:
    """Cannot be undone; once is enough."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in _CONNECTING:
        _check_address(arguments[0], arguments[1])
    elif event in _RESOLVING:
        _check_name(arguments[0])


def _check_address(connection: socket.socket, address: Any) -> None:
    # No address: sending on a socket that is connected, which was checked then.
    if address is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host, port = address[0], address[1]
    if not _is_local(host) or port == _DNS:
        _refuse(f"{host} port {port}")


def _check_name(name: Any) -> None:
    text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    if text is None or text == "" or _is_local(text) or _is_address(text):
        return
    if f".{text.lower().rstrip('.')}".endswith(_NOWHERE):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    _refuse(f"the name {text}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost") or host == socket.gethostname():
        return True
    return _is_address(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _refuse(what: str) -> None:
    record = os.environ.get("THREADLINE_TEST_BLOCKED")
    if record:
        with open(record, "a", encoding="utf-8") as file:  # noqa: PTH123  # runs inside an audit hook: the least possible
            file.write(f"{what}\n")
    raise NetworkBlocked(101, f"network blocked by the tests: {what}")
