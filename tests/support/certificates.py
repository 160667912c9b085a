"""Certificates for tests: an authority that nobody knows, and what it signs. Elliptic keys, so that it is quick."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)


class Files(NamedTuple):
    """Where a certificate and its key lie, as an operator names them."""

    certificate: str
    key: str


class Authority:
    """A CA whose own certificate is in `file`."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=400))
            .not_valid_after(NOW + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = str(folder / f"{name.replace(' ', '-')}.pem")
        Path(self.file).write_bytes(built.public_bytes(Encoding.PEM))

    def sign(self, *names: str, stem: str = "", days: float = 90.0, cn: str = "") -> Files:
        """A certificate for DNS names, IP addresses and sip: URIs, that ends in so many days. Files of that stem are
        replaced at one stroke, as certbot does."""
        key = ec.generate_private_key(ec.SECP256R1())
        others: list[x509.GeneralName] = []
        for name in names:
            if name.startswith("sip:"):
                others.append(x509.UniformResourceIdentifier(name))
            elif name.replace(".", "").isdigit() or ":" in name:
                others.append(x509.IPAddress(ipaddress.ip_address(name)))
            else:
                others.append(x509.DNSName(name))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else []))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(NOW, NOW + datetime.timedelta(days=days)) - datetime.timedelta(days=1))
            .not_valid_after(NOW + datetime.timedelta(days=days))
        )
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=not cn)
        signed = builder.sign(self._key, hashes.SHA256())
        stem = stem or (names[0] if names else cn).replace(":", "-").replace("*", "any")
        files = Files(str(self.folder / f"{stem}.pem"), str(self.folder / f"{stem}.key"))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for path, content in ((files.certificate, signed.public_bytes(Encoding.PEM)), (files.key, secret)):
            new = Path(f"{path}.new")
            new.write_bytes(content)
            new.chmod(0o600)
            new.rename(path)
        return files
