"""Whether the files serve that TLS needs: each with its place, and all of them at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from config.certificates import UnfitKey, check_authorities, read_pair
from config.problems import Problem, Wrong
from config.validate import Loaded

_LISTENER_KEYS = ("certificate", "key", "certificates", "client_ca")


def tls_problems(loaded: Loaded) -> Iterator[Problem]:
    """Of listeners and of trunks."""
    for at, listener in enumerate(loaded.settings.listen):
        where: tuple[str | int, ...] = ("listen", at)
        if not loaded.sound(*where, "transport"):
            continue
        if listener.transport != "tls":
            for key in _LISTENER_KEYS:
                if getattr(listener, key):
                    message = f"`{key}` is for `transport: tls`"
                    yield Problem(
                        "conflicting-keys",
                        loaded.key_mark(*where, key),
                        message,
                        "the transport here is " + listener.transport,
                    )
            continue
        yield from _halves(loaded, where, listener.certificate, listener.key)
        written = any(not loaded.sound(*where, key) for key in _LISTENER_KEYS) or listener.certificate or listener.key
        if not listener.certificates and not written:
            yield Problem(
                "missing-key",
                loaded.mark(*where),
                "TLS needs a certificate",
                "write `certificate: FILE` and `key: FILE`",
            )
        for certificate, key, path in listener.pairs:
            yield from _pair(loaded, certificate, key, *where, *path)
        if listener.client_ca:
            yield from _authorities(loaded, listener.client_ca, *where, "client_ca")
        elif listener.client_required and loaded.sound(*where, "client_ca"):
            yield Problem(
                "missing-key", loaded.key_mark(*where, "client_required"), "`client_required` needs a `client_ca`"
            )
    for name, trunk in loaded.settings.trunks.items():
        where = ("trunks", name)
        yield from _halves(loaded, where, trunk.certificate, trunk.key)
        if trunk.certificate and trunk.key:
            yield from _pair(loaded, trunk.certificate, trunk.key, *where)
        if trunk.ca:
            yield from _authorities(loaded, trunk.ca, *where, "ca")


def tls_warnings(loaded: Loaded, now: datetime.datetime | None = None) -> Iterator[Problem]:
    """Certificates that have ended or soon will. They still serve, so they do not stop an exchange."""
    now = now or datetime.datetime.now(datetime.UTC)
    if not any(each.client_ca for each in loaded.settings.listen):
        for name, each in loaded.settings.trunks.items():
            if each.certificates:
                message = "`certificates`: no listener asks for a certificate, so its calls are never known by one"
                hint = "a listener with `transport: tls` and `client_ca` does (docs/tls.md)"
                yield Problem("useless-key", loaded.key_mark("trunks", name, "certificates"), message, hint)
    places = [
        (certificate, key, ("listen", at, *path))
        for at, each in enumerate(loaded.settings.listen)
        if each.transport == "tls"
        for certificate, key, path in each.pairs
    ]
    places += [
        (each.certificate, each.key, ("trunks", name))
        for name, each in loaded.settings.trunks.items()
        if each.certificate and each.key
    ]
    for certificate, key, path in places:
        try:
            found = read_pair(loaded.folder, certificate, key)
        except Wrong:
            continue
        told = ended(found.ends_at, now)
        if told:
            yield Problem(
                "certificate-ends",
                loaded.mark(*path, "certificate"),
                f"the certificate {certificate} {told}",
                "renew it",
            )


def ended(ends_at: datetime.datetime, now: datetime.datetime) -> str:
    """In words, when it has ended or will within 30 days; else empty."""
    left = ends_at - now
    if left <= datetime.timedelta():
        return f"has ended on {ends_at:%Y-%m-%d}: whoever looks at it refuses us"
    if left < datetime.timedelta(days=30):
        return f"ends on {ends_at:%Y-%m-%d}, in {_days(left)}"
    return ""


def _days(left: datetime.timedelta) -> str:
    if left.days >= 2:
        return f"{left.days} days"
    return f"{int(left.total_seconds() // 3600)} hours"


def _halves(
    loaded: Loaded, where: tuple[str | int, ...], certificate: str | None, key: str | None
) -> Iterator[Problem]:
    if certificate and not key and loaded.sound(*where, "key"):
        yield Problem("missing-key", loaded.key_mark(*where, "certificate"), "a certificate needs its `key`")
    if key and not certificate and loaded.sound(*where, "certificate"):
        yield Problem("missing-key", loaded.key_mark(*where, "key"), "a key needs its `certificate`")


def _pair(loaded: Loaded, certificate: str, key: str, *where: str | int) -> Iterator[Problem]:
    if not certificate or not key or not loaded.sound(*where):
        return
    try:
        read_pair(loaded.folder, certificate, key)
    except Wrong as wrong:
        part = "key" if isinstance(wrong, UnfitKey) else "certificate"
        yield Problem("bad-certificate", loaded.mark(*where, part), wrong.message, wrong.hint)


def _authorities(loaded: Loaded, file: str, *where: str | int) -> Iterator[Problem]:
    try:
        check_authorities(loaded.folder, file)
    except Wrong as wrong:
        yield Problem("bad-certificate", loaded.mark(*where), wrong.message, wrong.hint)
