"""A certificate authority for one test run: a good certificate, and those a client must refuse."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.process import write_file

Kind = Literal["valid", "expired", "self_signed", "other_host"]
KINDS: tuple[Kind, ...] = ("valid", "expired", "self_signed", "other_host")

_DAY = dt.timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """Makes certificates for `localhost` and 127.0.0.1; `ca_file` is what a client must trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name("Threadline test authority")
        own = self._builder(self._subject, self._key, *self._validity(expired=False))
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        own = own.add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )  # fmt: skip
        certificate = own.sign(self._key, hashes.SHA256())
        self.ca_file = write_file(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        self._pairs: dict[Kind, Pair] = {}

    def pair(self, kind: Kind) -> Pair:
        """The certificate and key files of that kind, made once."""
        if kind not in self._pairs:
            self._pairs[kind] = self._make(kind)
        return self._pairs[kind]

    def _make(self, kind: Kind) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("mail.other.test" if kind == "other_host" else "localhost")
        builder = self._builder(subject, key, *self._validity(expired=kind == "expired"))
        names: list[x509.GeneralName] = [x509.DNSName("mail.other.test")]
        if kind != "other_host":
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if kind == "self_signed":
            certificate = builder.issuer_name(subject).sign(key, hashes.SHA256())
        else:
            certificate = builder.issuer_name(self._subject).sign(self._key, hashes.SHA256())
        return Pair(
            write_file(
                self._folder / f"{kind}.pem",
                certificate.public_bytes(serialization.Encoding.PEM),
                mode=0o644,
            ),
            write_file(self._folder / f"{kind}.key", _pem(key)),
        )

    @staticmethod
    def _validity(*, expired: bool) -> tuple[dt.datetime, dt.datetime]:
        today = dt.datetime.now(dt.UTC)
        return (today - 40 * _DAY, today - 10 * _DAY) if expired else (today - 41 * _DAY, today + 30 * _DAY)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, start: dt.datetime, end: dt.datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        return builder.issuer_name(subject) if subject == self._subject else builder
