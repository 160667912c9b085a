"""The values that the other rooms are handed: settings of each room, credentials, and the dialplan's model.

They can be written to bytes and read again, for the copy of the last configuration that was good. It holds password
hashes and perhaps the database's password, so whoever stores it gives it mode 0600. No `repr` here shows a secret.
"""

from __future__ import annotations

import msgspec

from config.problems import Problem
from dialplan.model import Model

FORMAT = 1


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One socket. `advertise` is empty when the address that we listen on (or the one of the flow) is the one to
    name.
    """

    transport: str
    address: str
    port: int
    advertise: str = ""


class DeviceCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """One telephone's digest user and its hashed secret: hex of H(username:realm:secret) (RFC 7616 section 3.4.2)."""

    device: str
    user: str
    lines: tuple[str, ...]
    ha1_md5: str
    ha1_sha256: str
    name: str = ""

    def __repr__(self) -> str:
        return f"DeviceCredentials(device={self.device!r}, user={self.user!r}, lines={self.lines!r})"


class TrunkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a carrier is reached and recognised. `sources` are addresses, or `address:port`."""

    id: str
    host: str
    port: int
    transport: str
    sources: tuple[str, ...]


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The sound. `advertise` may be empty. Ports are UDP, both bounds included; times in seconds."""

    address: str
    advertise: str
    first_port: int
    last_port: int
    workers: int
    silence_s: float
    rest_s: float


class RegistrarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How telephones sign in; times in seconds."""

    realm: str
    default_expires_s: int
    min_expires_s: int
    max_expires_s: int
    max_contacts: int
    nonce_life_s: float
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    """As they stand in a challenge, the most wanted one first."""


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a call, in seconds."""

    unreachable_s: float


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one source and all together may ask. `rate` in messages a second, `max_message` in octets."""

    max_message: int
    rate: int
    burst: int
    connections: int
    connections_per_source: int


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where /metrics and /healthz are."""

    enabled: bool
    address: str
    port: int


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`json` None: text on a terminal, else JSON."""

    level: str
    json: bool | None


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database's URL; empty for SQLite in the data folder. It may hold a password."""

    url: str

    def __repr__(self) -> str:
        return "RecordSettings(***)"


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """One version of everything. `version` is what people are told: it covers settings and secrets, too; records name
    `model.version`, that of the decisions alone."""

    format: int = FORMAT
    version: str
    source: str
    model: Model
    listeners: tuple[ListenerSettings, ...]
    devices: tuple[DeviceCredentials, ...]
    trunks: tuple[TrunkSettings, ...]
    media: MediaSettings
    registrar: RegistrarSettings
    calls: CallSettings
    guard: GuardSettings
    metrics: MetricsSettings
    log: LogSettings
    records: RecordSettings
    warnings: tuple[Problem, ...] = ()


def encode(compiled: Compiled) -> bytes:
    """MessagePack. Equal values give equal bytes. Contains secrets: store it with mode 0600."""
    return msgspec.msgpack.encode(compiled, order="deterministic")


def decode(data: bytes) -> Compiled:
    """The reverse of `encode`. Raises msgspec.DecodeError, also for a format that this version does not know."""
    compiled = msgspec.msgpack.decode(data, type=Compiled)
    if compiled.format != FORMAT:
        raise msgspec.DecodeError(f"compiled configuration of format {compiled.format}, wanted {FORMAT}")
    return compiled
