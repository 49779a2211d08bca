"""The guard itself: loopback and Unix sockets pass, nothing else does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

REFUSED = pytest.mark.tries_the_network("the guard is what is tested")

# TEST-NET-1 (RFC 5737): routed nowhere, should the guard ever be gone.
OUTSIDE = ("192.0.2.1", 443)


def recorded() -> str:
    path = Path(os.environ["THREADLINE_TEST_BLOCKED"])
    return path.read_text() if path.exists() else ""


@REFUSED
def test_a_connection_to_another_machine_is_refused_and_recorded() -> None:
    with socket.socket() as connection:
        connection.settimeout(1)
        with pytest.raises(OSError, match="network blocked by the tests"):
            connection.connect(OUTSIDE)
    assert recorded() == "192.0.2.1 port 443\n"


@REFUSED
def test_a_packet_to_another_machine_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sender,
        pytest.raises(OSError, match="network blocked by the tests"),
    ):
        sender.sendto(b"?", ("192.0.2.1", 53))


@REFUSED
def test_a_question_to_a_name_server_on_this_machine_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sender,
        pytest.raises(OSError, match="network blocked by the tests"),
    ):
        sender.sendto(b"?", ("127.0.0.53", 53))


@REFUSED
def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(OSError, match="network blocked by the tests"):
        socket.getaddrinfo("imap.provider.org", 993)


@REFUSED
def test_a_program_started_by_a_test_is_held_back_too() -> None:
    program = f"import socket; socket.create_connection({OUTSIDE!r}, timeout=1)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "network blocked by the tests" in done.stderr
    assert recorded() == "192.0.2.1 port 443\n"


@pytest.mark.parametrize("name", ["mail.company.test", "nowhere.invalid", "example.com", "imap.example.org"])
def test_a_reserved_name_is_unknown_without_asking_anyone(name: str) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(name, 993)
    assert recorded() == ""


def test_loopback_passes() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=2) as client,
    ):
        client.sendall(b"hello")
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(5) == b"hello"
    assert recorded() == ""


def test_unix_sockets_pass(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
    assert recorded() == ""
