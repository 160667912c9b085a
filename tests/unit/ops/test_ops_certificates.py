"""Certificates while the exchange runs: taken when their files change, kept when those are bad, told in time."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from config.compile import compile  # noqa: A004
from config.compiled import Compiled
from switch.certificates import Certificates, Handshakes
from switch.sip.flow import Flow
from tests.support.certificates import NOW, Authority

TLS = "country: US\nlisten:\n- {transport: tls, certificate: pbx.pem, key: pbx.key}\n"
AT = ("0.0.0.0", 5061)


class Watched:
    """Certificates of a folder, with what they said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "ca")
        self.authority.sign("pbx.example.com", stem="pbx")
        self.now = NOW
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.published = 0
        self.all = Certificates(folder, self._publish, self._say, self._say, lambda: self.now)

    def compiled(self, text: str = TLS) -> Compiled:
        path = self.folder / "ringplan.yaml"
        path.write_text(text)
        return compile(path, {})

    def said(self) -> list[str]:
        """The events since the last time."""
        found, self.lines = [event for event, _ in self.lines], []
        return found

    def _publish(self) -> None:
        self.published += 1

    def _say(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_a_renewed_certificate_is_taken(watched: Watched) -> None:
    await watched.all.use(watched.compiled())
    first = dict(watched.all.servers())
    assert list(first) == [AT]
    await watched.all.look()
    assert dict(watched.all.servers()) == first
    assert watched.said() == []
    watched.authority.sign("pbx.example.com", "new.example.com", stem="pbx", days=180)
    await watched.all.look()
    assert dict(watched.all.servers())[AT] is not first[AT]
    assert watched.said() == ["new certificate"]
    (view,) = watched.all.views()
    assert (view.where, view.name) == ("tls 0.0.0.0 port 5061", "pbx.example.com")
    assert view.ends_at > NOW + datetime.timedelta(days=179)
    assert list(watched.all.ends()) == [((view.where, view.name), view.ends_at.timestamp())]


async def test_a_renewed_certificate_behind_a_link_is_taken(watched: Watched) -> None:
    """As certbot keeps them: live/*.pem are links into archive/, and change what they lead to."""
    for part in ("pem", "key"):
        (watched.folder / f"pbx.{part}").rename(watched.folder / f"one.{part}")
        (watched.folder / f"pbx.{part}").symlink_to(f"one.{part}")
    await watched.all.use(watched.compiled())
    watched.authority.sign("pbx.example.com", stem="two")
    for part in ("pem", "key"):
        (watched.folder / "link").symlink_to(f"two.{part}")
        (watched.folder / "link").rename(watched.folder / f"pbx.{part}")
    await watched.all.look()
    assert watched.said() == ["new certificate"]


async def test_a_bad_file_keeps_the_old_certificate_loudly(watched: Watched) -> None:
    await watched.all.use(watched.compiled())
    before = dict(watched.all.servers())[AT]
    other = watched.authority.sign("pbx.example.com", stem="other")
    good = (watched.folder / "pbx.key").read_bytes()
    (watched.folder / "pbx.key").write_bytes(Path(other.key).read_bytes())  # half of a renewal
    await watched.all.look()
    assert dict(watched.all.servers())[AT] is before
    assert watched.said() == ["certificate cannot be used"]
    (trouble,) = watched.all.troubles()
    assert "the key pbx.key does not belong to the certificate pbx.pem; the old certificate is shown" in trouble
    await watched.all.look()
    assert watched.said() == []  # once is enough
    (watched.folder / "pbx.pem").unlink()
    await watched.all.look()
    assert watched.said() == ["certificate cannot be used"]
    (watched.folder / "pbx.pem").write_bytes(Path(other.certificate).read_bytes())
    await watched.all.look()
    assert list(watched.all.troubles()) == []
    assert dict(watched.all.servers())[AT] is not before
    assert good != (watched.folder / "pbx.key").read_bytes()


async def test_no_usable_certificate_at_the_start(watched: Watched) -> None:
    compiled = watched.compiled()
    (watched.folder / "pbx.key").chmod(0o604)
    await watched.all.use(compiled)
    assert list(watched.all.servers()) == []
    assert watched.said() == ["certificate cannot be used"]
    assert "everybody can read the key" in next(iter(watched.all.troubles()))
    (watched.folder / "pbx.key").chmod(0o600)
    await watched.all.look()
    assert [local for local, _ in watched.all.servers()] == [AT]


async def test_the_end_is_told_30_7_and_1_days_ahead(watched: Watched) -> None:
    await watched.all.use(watched.compiled())
    ends = watched.all.views()[0].ends_at
    told = []
    for left in (31, 30, 29, 7, 6.5, 1, 0.5, 0, -1):
        watched.now = ends - datetime.timedelta(days=left)
        await watched.all.look()
        if watched.said():
            told.append(left)
    assert told == [30, 7, 1, 0]
    assert list(watched.all.warnings()) == []
    assert "the certificate of pbx.example.com has ended on" in next(iter(watched.all.troubles()))
    watched.now = ends - datetime.timedelta(days=3)
    assert "ends on" in next(iter(watched.all.warnings()))
    assert list(watched.all.troubles()) == []
    watched.authority.sign("pbx.example.com", stem="pbx", days=10)
    watched.now = NOW
    await watched.all.look()
    assert watched.said() == ["new certificate", "certificate ends"]  # another certificate has an end of its own


async def test_the_end_is_told_at_the_start_too(watched: Watched) -> None:
    watched.authority.sign("pbx.example.com", stem="pbx", days=5)
    await watched.all.use(watched.compiled())
    assert watched.said() == ["certificate ends"]


async def test_trunks_have_contexts_of_their_own(watched: Watched) -> None:
    """IDN-3: what we show and believe is each carrier's own affair."""
    trunks = (
        "trunks:\n"
        "  one: {host: one.example.net, transport: tls}\n"
        "  two: {host: two.example.net, transport: tls, ca: ca.pem, certificate: pbx.pem, key: pbx.key}\n"
        "  three: {host: three.example.net}\n"
    )
    await watched.all.use(watched.compiled("country: US\n" + trunks))
    clients = watched.all.clients()
    assert set(clients) == {"one", "two"}
    assert [view.where for view in watched.all.views()] == ["trunk two"]
    assert len(clients["two"].get_ca_certs()) == 1
    await watched.all.use(watched.compiled("country: US\n"))
    assert watched.all.clients() == {}


def test_failed_handshakes_are_told_without_noise() -> None:
    warned: list[str] = []
    refused: list[str] = []
    times = iter((0.0, 10.0, 599.0, 600.0))
    shakes = Handshakes(
        lambda event, **fields: warned.append(fields["to"]),
        lambda *about: refused.append(about[2]),
        lambda: next(times),
    )
    flow = Flow("tls", ("192.0.2.1", 40000), ("192.0.2.9", 5061), 1)
    for _ in range(4):
        shakes.failed(flow, "the certificate is not believed: self-signed certificate", True)
    assert warned == ["192.0.2.9:5061"] * 2
    for why in ("wrong version number", "http request", "unexpected eof", "tlsv1 alert unknown ca"):
        shakes.failed(flow, why, False)
    assert refused == ["TLS: wrong version number", "TLS: tlsv1 alert unknown ca"]
