"""A small internet on loopback: names, web pages, a name server and mail servers, reached with real packets.

A test says which name leads where; `means` hands it to detection. Every port is the system's choice, so a name and a
port ("imap.northgate.example", 993) lead to another one.
"""

from __future__ import annotations

import datetime as dt
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from threadline.providers.detection import Means
from threadline.providers.network import Endpoint

LOOPBACK = frozenset({"127.0.0.0/8"})
NAMES = (
    "northgate.example", "*.northgate.example", "*.hoster.example", "*.eu.hoster.example", "hoster.example",
    "v1.ispdb.net",
)  # fmt: skip

Page = Callable[[BaseHTTPRequestHandler], None]


def page(body: str | bytes, status: int = 200, **headers: str) -> Page:
    content = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def redirect(location: str) -> Page:
    return page("", 302, Location=location)


def settings(
    *servers: tuple[str, int, str], username: str = "%EMAILADDRESS%", methods: str = "password-cleartext"
) -> str:
    """An autoconfig file with these IMAP servers (host, port, socketType), and a POP3 one that nobody wants."""
    incoming = "".join(
        f'<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port><socketType>{how}</socketType>'
        f"<username>{username}</username><authentication>{methods}</authentication></incomingServer>"
        for kind, host, port, how in [("pop3", "pop.northgate.example", 995, "SSL"), *(("imap", *s) for s in servers)]
    )
    provider = f'<emailProvider id="x">{incoming}</emailProvider>'
    return f'<?xml version="1.0"?><clientConfig version="1.1">{provider}</clientConfig>'


class World:
    """Close it, or use it as a context manager: everything it started ends."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.tls_server, self.tls_client = _certificates(folder)
        self.where: dict[tuple[str, int], int] = {}
        self.pages: dict[tuple[str, str], Page] = {}
        self.asked: list[str] = []  # "https://host/path" as they came
        self.resolved: list[str] = []
        self.records: dict[tuple[str, str], list[str]] = {}
        self._secure = self._serve(_web_server(self, "https"))
        self._plain = self._serve(_web_server(self, "http"))
        self._names = self._serve(_name_server(self))
        self.means = Means(self.resolve, self.name_service(self._names), self.tls_client)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _serve(self, server: socketserver.BaseServer) -> int:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        return int(server.server_address[1])  # type: ignore[index]

    def name_service(self, port: int) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], port
        return resolver

    def resolve(self, host: str, port: int) -> Sequence[Endpoint]:
        self.resolved.append(host)
        if (host, port) not in self.where:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [Endpoint(socket.AF_INET, "127.0.0.1", self.where[host, port])]

    def publish(self, address: str, answer: Page) -> None:
        """A page at "https://host/path"; its host then exists."""
        scheme, _, rest = address.partition("://")
        host, slash, path = rest.partition("/")
        self.pages[f"{scheme}://{host}", slash + path] = answer
        self.where[host, 443 if scheme == "https" else 80] = self._secure if scheme == "https" else self._plain

    def silent(self, host: str, *ports: int) -> None:
        """A host that takes connections and never says a word."""
        server = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.where |= dict.fromkeys(((host, port) for port in ports), server.getsockname()[1])

    def mail_server(self, host: str, port: int, *, greeting: bytes = b"* OK ready", tls: bool = True) -> list[bytes]:
        """An IMAP server as far as a greeting and STARTTLS go. Gives the list of what clients sent to it."""
        received: list[bytes] = []
        self.where[host, port] = self._serve(_mail_server(self.tls_server, greeting, tls, received))
        return received

    def silent_name_service(self) -> dns.resolver.Resolver:
        deaf = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        deaf.bind(("127.0.0.1", 0))
        return self.name_service(deaf.getsockname()[1])


class _Quiet:
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


def _web_server(world: World, scheme: str) -> socketserver.BaseServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"].partition(":")[0]
            world.asked.append(f"{scheme}://{host}{self.path}")
            answer = world.pages.get((f"{scheme}://{host}", self.path.partition("?")[0]))
            (answer or page("not here", 404))(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(_Quiet, ThreadingHTTPServer):
        def get_request(self) -> tuple[socket.socket, Any]:
            connection, client = super().get_request()
            if scheme == "https":
                connection = world.tls_server.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return connection, client

    return Server(("127.0.0.1", 0), Handler)


def _name_server(world: World) -> socketserver.BaseServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, sock = self.request
            query = dns.message.from_wire(packet)
            question = query.question[0]
            name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if found := world.records.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
            elif not any(known == name for known, _ in world.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            sock.sendto(answer.to_wire(), self.client_address)

    class Server(_Quiet, socketserver.ThreadingUDPServer):
        pass

    return Server(("127.0.0.1", 0), Handler)


def _mail_server(context: ssl.SSLContext, greeting: bytes, tls: bool, received: list[bytes]) -> socketserver.BaseServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            if tls:
                connection = context.wrap_socket(connection, server_side=True)
            try:
                connection.sendall(greeting + b"\r\n")
                while line := connection.recv(1000):
                    received.append(line)
                    if line.endswith(b"STARTTLS\r\n"):
                        connection.sendall(b"* CAPABILITY IMAP4rev1\r\n" + line.split()[0] + b" OK begin\r\n")
                        connection = context.wrap_socket(connection, server_side=True)
            finally:
                connection.close()

    class Server(_Quiet, socketserver.ThreadingTCPServer):
        pass

    return Server(("127.0.0.1", 0), Handler)


def _certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the small internet")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=2))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "world.pem"
    file.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())
