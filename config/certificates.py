"""Certificates and their keys in PEM files: what an operator must know of them, and whether they serve.

Paths are relative to the configuration's folder, as those of secrets are, and a private key that everybody can read is
refused as such a secret is. Nothing of a key is ever part of a message.
"""

from __future__ import annotations

import datetime
import os
import stat
from pathlib import Path

import msgspec

from config.problems import Wrong

MAX_BYTES = 1024 * 1024


class Certificate(msgspec.Struct, frozen=True):
    """A server's or client's own certificate. `names` are its DNS names, or for want of those its common name."""

    names: tuple[str, ...]
    ends_at: datetime.datetime

    @property
    def name(self) -> str:
        """The one that it is told by."""
        return self.names[0] if self.names else "a certificate without a name"


class UnfitKey(Wrong):
    """It is the key that does not serve, or does not belong to the certificate."""


def folder_of(config: Path) -> Path:
    """What relative paths in a configuration are relative to."""
    return config if config.is_dir() else config.parent


def read_pair(folder: Path, certificate: str, key: str) -> Certificate:
    """The certificate, if it and its key can be used. Raises Wrong (UnfitKey where the key is to blame)."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    chain = _certificates(folder, certificate)
    own = chain[0]
    content = _read(folder, key, secret=True)
    try:
        secret = load_pem_private_key(content, None)
    except TypeError:
        raise UnfitKey(f"the key {key} has a passphrase", "`openssl pkey -in OLD -out NEW` takes it off") from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "this looks like a certificate" if b"CERTIFICATE" in content else ""
        raise UnfitKey(f"there is no private key in {key}", hint) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = secret.public_key().public_bytes(*form)
    if own.public_key().public_bytes(*form) != public:
        later = any(each.public_key().public_bytes(*form) == public for each in chain[1:])
        hint = f"the server's own certificate must be the first in {certificate}" if later else ""
        raise UnfitKey(f"the key {key} does not belong to the certificate {certificate}", hint)
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(name.lower() for name in found.get_values_for_type(x509.DNSName))
        names = names or tuple(str(each) for each in found.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        names = ()
    if not names:
        common = own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = tuple(str(each.value).lower() for each in common)
    return Certificate(names, own.not_valid_after_utc)


def check_authorities(folder: Path, file: str) -> None:
    """Raises Wrong when there are no certificates in a file of CAs."""
    _certificates(folder, file)


def _certificates(folder: Path, file: str):  # type: ignore[no-untyped-def]  # of cryptography, which is imported late
    from cryptography import x509

    content = _read(folder, file)
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        hint = "PEM is wanted: `-----BEGIN CERTIFICATE-----`"
        raise Wrong(f"there is no certificate in {file} that can be read", hint) from None
    return found


def _read(folder: Path, file: str, *, secret: bool = False) -> bytes:
    kind = UnfitKey if secret else Wrong
    try:
        with (folder / file).open("rb") as opened:
            if secret and os.fstat(opened.fileno()).st_mode & stat.S_IROTH:
                raise kind(f"everybody can read the key {file}", f"chmod 0600 {file}")
            return opened.read(MAX_BYTES)
    except OSError as error:
        hint = "a path is relative to the folder of the configuration" if isinstance(error, FileNotFoundError) else ""
        raise kind(f"the file {file} cannot be read: {error.strerror}", hint) from None
