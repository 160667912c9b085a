"""What the rooms of the switch are handed out of the configuration, in the values that they know."""

from __future__ import annotations

from config.compiled import Compiled, GuardSettings
from switch.auth import AuthSettings, DeviceAuth
from switch.net.guard import Limits
from switch.registrar import RegistrarSettings


class Credentials:
    """Digest credentials out of the configuration, by user name."""

    def __init__(self) -> None:
        self._by_user: dict[str, DeviceAuth] = {}

    def use(self, compiled: Compiled) -> None:
        """Take another version."""
        self._by_user = {
            each.user: DeviceAuth(each.device, each.user, each.lines, each.ha1_md5, each.ha1_sha256)
            for each in compiled.devices
        }

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        """See `switch.auth.Credentials`."""
        return self._by_user.get(digest_user)


def auth_settings(compiled: Compiled) -> AuthSettings:
    """Realm, algorithms, the life of a nonce."""
    settings = compiled.registrar
    return AuthSettings(settings.realm, settings.algorithms, nonce_life_s=settings.nonce_life_s)


def registrar_settings(compiled: Compiled) -> RegistrarSettings:
    """Expiry and how many contacts."""
    settings = compiled.registrar
    return RegistrarSettings(
        settings.default_expires_s, settings.min_expires_s, settings.max_expires_s, settings.max_contacts
    )


def limits(guard: GuardSettings) -> Limits:
    """What the sockets let in; what the operator cannot set is as the guard has it."""
    usual = Limits()
    return Limits(
        datagram=min(usual.datagram, guard.max_message),
        message=guard.max_message,
        rate_per_s=guard.rate,
        burst=guard.burst,
        connections=guard.connections,
        connections_a_source=guard.connections_per_source,
    )
