"""What the rooms of the switch are handed out of the configuration, in the values that they know."""

from __future__ import annotations

from pathlib import Path

import config.compiled
from config.compiled import AccountCodePassword, Compiled, GuardSettings, MediaSettings
from dialplan.emergency import bare, prefixes
from dialplan.model import Emergency, Model
from switch.arguments import ListenSocket
from switch.auth import AuthSettings, DeviceAuth
from switch.calls.context import CallSettings
from switch.net.bans import BanSettings
from switch.net.guard import Limits
from switch.net.reachability import OWN, Reach
from switch.net.targets import Families
from switch.prompts.prompts import PromptSettings
from switch.qualify import QualifySettings
from switch.registrar import RegistrarSettings
from switch.sip.session_timer import SessionSettings


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


class AccountPasswords:
    """The passwords of account codes (CST-2)."""

    def __init__(self) -> None:
        self._known: dict[str, AccountCodePassword] = {}

    def use(self, compiled: Compiled) -> None:
        """Take another version."""
        self._known = {each.code: each for each in compiled.account_codes}

    def fits(self, code: str, password: str) -> bool:
        """Whether that is the password of that account. It takes some milliseconds, never on the loop; as many for an
        account that there is not, or that has none."""
        known = self._known.get(code) or AccountCodePassword(code=code, hash="")
        return known.fits(password)


class ConferencePins:
    """The PINs of conferences."""

    def __init__(self) -> None:
        self._known: dict[str, config.compiled.ConferencePins] = {}

    def use(self, compiled: Compiled) -> None:
        """Take another version."""
        self._known = {each.room: each for each in compiled.conferences}

    def role(self, room: str, pin: str) -> str:
        """`chair`, `member` or nothing, for who has given this PIN. It takes some milliseconds, never on the loop."""
        known = self._known.get(room)
        return known.role(pin) if known is not None else ""


def auth_settings(compiled: Compiled) -> AuthSettings:
    """Realm, algorithms, the life of a nonce."""
    settings = compiled.registrar
    return AuthSettings(settings.realm, settings.algorithms, nonce_life_s=settings.nonce_life_s)


def call_settings(compiled: Compiled, silence_s: float) -> CallSettings:
    """Times of a call. `silence_s` is told apart, as the media workers have had it since their start."""
    calls = compiled.calls
    sessions = SessionSettings(calls.session_s, calls.least_session_s)
    return CallSettings(
        unreachable_s=calls.unreachable_s,
        silence_s=silence_s,
        sessions=sessions,
        warn_by=calls.warn_by,
        warn_to=calls.warn_to,
        announcements=calls.announcements,
    )


def prompt_settings(compiled: Compiled, folder: Path) -> PromptSettings:
    """Which words are said, and how. `folder` is the configuration's, which names of files are relative to."""
    prompts = compiled.prompts
    own = str(folder / prompts.folder) if prompts.folder else ""
    return PromptSettings(base=str(folder), folder=own, language=prompts.language, voice=prompts.voice)


def registrar_settings(compiled: Compiled) -> RegistrarSettings:
    """Expiry and how many contacts."""
    settings = compiled.registrar
    return RegistrarSettings(
        settings.default_expires_s, settings.min_expires_s, settings.max_expires_s, settings.max_contacts
    )


def qualify_settings(compiled: Compiled) -> QualifySettings:
    """How telephones are asked whether they can be reached."""
    return QualifySettings(compiled.registrar.qualify_s, compiled.calls.unreachable_s)


class EmergencyNumbers:
    """Every number that is an emergency number for some telephone of the house, with and without the outside prefix:
    what is read of a packet when there is no time to ask the dialplan, which has the last word."""

    def __init__(self) -> None:
        self._table = Emergency()
        self._numbers: frozenset[str] = frozenset()

    def use(self, model: Model) -> None:
        """Take another version."""
        table = self._table = model.emergency
        numbers: set[str] = set()
        for place in {table.elsewhere, *table.places.values()}:
            numbers.update(a + b for a in prefixes(table.prefix, place.main) for b in place.numbers)
        self._numbers = frozenset(numbers)

    def __contains__(self, dialled: str) -> bool:
        """Whether what a Request-URI names is one of them."""
        return bare(self._table, dialled) in self._numbers or dialled.strip().lower().startswith("urn:service:sos")


def reach(compiled: Compiled, listening: ListenSocket) -> tuple[Reach, int]:
    """How a listener is known to whom, and the mark of its packets."""
    place = listening[:3]
    for each in compiled.listeners:
        if (each.transport, each.address, each.port) == place:
            return Reach.of(each.advertise, each.local_networks), each.dscp
    return OWN, 0


def sound_reach(media: MediaSettings) -> tuple[Reach, ...]:
    """How the ports for sound are known; empty: as the listeners are."""
    return tuple(Reach.of(each, media.local_networks) for each in media.advertise)


def ban_settings(guard: GuardSettings) -> BanSettings:
    """When a source is shut out."""
    ban = guard.ban
    return BanSettings(ban.failures, ban.window_s, ban.time_s, ban.longest_s, ban.dry_run)


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


def transports(compiled: Compiled) -> tuple[str, ...]:
    """The transports of our listeners, in the order in which they are written: a host that leaves us the choice is
    asked in this one (RFC 3263 section 4.1)."""
    return tuple(dict.fromkeys(each.transport for each in compiled.listeners))


def families(compiled: Compiled) -> Families:
    """Which addresses our listeners lead to, in the order in which they are written."""
    by_transport: dict[str, dict[str, None]] = {}
    for each in compiled.listeners:
        family = "AAAA" if ":" in each.address else "A"
        by_transport.setdefault(each.transport, {})[family] = None
    every = dict.fromkeys(family for found in by_transport.values() for family in found)
    known = {transport: tuple(found) for transport, found in by_transport.items()}
    return lambda transport: known.get(transport, tuple(every))
