"""What `check` says of certificates: each problem with its place, and what to do instead."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from config.certificates import read_pair
from config.compile import compile  # noqa: A004
from config.fitting_tls import ended
from config.problems import ConfigError, Wrong
from tests.support.certificates import Authority

HEAD = "country: US\nlisten:\n- transport: tls\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("etc")
    authority = Authority(made, "ca")
    authority.sign("pbx.example.com", "*.example.net", stem="pbx")
    authority.sign("other.example.com", stem="other")
    authority.sign("old.example.com", stem="old", days=-2)
    authority.sign("soon.example.com", stem="soon", days=5.5)
    open_key = Path(authority.sign("open.example.com", stem="open").key)
    open_key.chmod(0o644)
    (made / "twisted.pem").write_bytes((made / "ca.pem").read_bytes() + (made / "pbx.pem").read_bytes())
    (made / "empty.pem").write_text("nothing\n")
    return made


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "ringplan.yaml"
    path.write_text(text)
    try:
        compile(path, {})
    except ConfigError as error:
        return [str(problem).removeprefix(f"{folder}/") for problem in error.problems]
    return []


def test_a_certificate_and_its_key(folder: Path) -> None:
    path = folder / "ringplan.yaml"
    path.write_text(HEAD + "  certificate: pbx.pem\n  key: pbx.key\n  client_ca: ca.pem\n  client_required: true\n")
    (listener,) = compile(path, {}).listeners
    assert (listener.transport, listener.port, listener.client_ca, listener.client_required) == (
        "tls", 5061, "ca.pem", True,
    )  # fmt: skip
    assert [(each.certificate, each.key) for each in listener.certificates] == [("pbx.pem", "pbx.key")]
    assert read_pair(folder, "pbx.pem", "pbx.key").names == ("pbx.example.com", "*.example.net")


def test_several_certificates_on_one_listener_and_those_of_a_trunk(folder: Path) -> None:
    path = folder / "ringplan.yaml"
    pair = "{certificate: pbx.pem, key: pbx.key}, {certificate: other.pem, key: other.key}"
    path.write_text(
        f"{HEAD}  certificates: [{pair}]\n"
        "trunks:\n  one: {host: sip.example.net, transport: tls, ca: ca.pem, certificate: pbx.pem, key: pbx.key}\n"
    )
    compiled = compile(path, {})
    assert [each.certificate for each in compiled.listeners[0].certificates] == ["pbx.pem", "other.pem"]
    (trunk,) = compiled.trunks
    assert trunk.ca == "ca.pem"
    assert trunk.certificate is not None
    assert (trunk.certificate.certificate, trunk.certificate.key) == ("pbx.pem", "pbx.key")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("  port: 5061\n", "ringplan.yaml:3:3: TLS needs a certificate (write `certificate: FILE` and `key: FILE`)"),
        ("  certificate: pbx.pem\n", "ringplan.yaml:4:3: a certificate needs its `key`"),
        ("  key: pbx.key\n", "ringplan.yaml:4:3: a key needs its `certificate`"),
        (
            "  certificate: no.pem\n  key: pbx.key\n",
            "ringplan.yaml:4:16: the file no.pem cannot be read: No such file or directory"
            " (a path is relative to the folder of the configuration)",
        ),
        (
            "  certificate: empty.pem\n  key: pbx.key\n",
            "ringplan.yaml:4:16: there is no certificate in empty.pem that can be read"
            " (PEM is wanted: `-----BEGIN CERTIFICATE-----`)",
        ),
        (
            "  certificate: pbx.pem\n  key: other.key\n",
            "ringplan.yaml:5:8: the key other.key does not belong to the certificate pbx.pem",
        ),
        (
            "  certificate: twisted.pem\n  key: pbx.key\n",
            "ringplan.yaml:5:8: the key pbx.key does not belong to the certificate twisted.pem"
            " (the server's own certificate must be the first in twisted.pem)",
        ),
        (
            "  certificate: open.pem\n  key: open.key\n",
            "ringplan.yaml:5:8: everybody can read the key open.key (chmod 0600 open.key)",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.pem\n",
            "ringplan.yaml:5:8: there is no private key in pbx.pem (this looks like a certificate)",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.key\n  client_ca: empty.pem\n",
            "ringplan.yaml:6:14: there is no certificate in empty.pem that can be read"
            " (PEM is wanted: `-----BEGIN CERTIFICATE-----`)",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.key\n  client_required: true\n",
            "ringplan.yaml:6:3: `client_required` needs a `client_ca`",
        ),
        (
            "  certificates: [{certificate: pbx.pem, key: pbx.key}, {certificate: other.pem, key: pbx.key}]\n",
            "ringplan.yaml:4:86: the key pbx.key does not belong to the certificate other.pem",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.key\n- {transport: tcp, key: pbx.key}\n",
            "ringplan.yaml:6:20: `key` is for `transport: tls` (the transport here is tcp)",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.key\n- {transport: tcp, port: 5061}\n",
            "ringplan.yaml:6:3: tcp 0.0.0.0 port 5061 is listened on twice",
        ),
        (
            "  certificate: pbx.pem\n  key: pbx.key\ntrunks:\n  one: {host: sip.example.net, ca: no.pem}\n",
            "ringplan.yaml:7:36: the file no.pem cannot be read: No such file or directory"
            " (a path is relative to the folder of the configuration)",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(folder: Path, more: str, told: str) -> None:
    assert problems(folder, HEAD + more) == [told]


@pytest.mark.parametrize(("stem", "told"), [("old", "has ended on"), ("soon", "in 5 days")])
def test_a_certificate_that_ends_is_a_warning(folder: Path, stem: str, told: str) -> None:
    """It serves still, so it must not keep the exchange from starting."""
    path = folder / "ringplan.yaml"
    path.write_text(f"{HEAD}  certificate: {stem}.pem\n  key: {stem}.key\n")
    (warning,) = [each for each in compile(path, {}).warnings if "certificate" in each.message]
    assert told in warning.message
    assert (warning.mark.line, warning.mark.column) == (4, 16)


def test_when_it_is_time() -> None:
    now = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    assert ended(now + datetime.timedelta(days=31), now) == ""
    assert ended(now + datetime.timedelta(days=29, hours=1), now).endswith("in 29 days")
    assert ended(now + datetime.timedelta(hours=5), now).endswith("in 5 hours")
    assert ended(now, now).startswith("has ended on 2030-01-01")


def test_a_key_with_a_passphrase(folder: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key((folder / "pbx.key").read_bytes(), None)
    locked = folder / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    locked.chmod(0o600)
    with pytest.raises(Wrong, match="has a passphrase"):
        read_pair(folder, "pbx.pem", "locked.key")
