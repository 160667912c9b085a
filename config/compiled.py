"""The values that the other rooms are handed: settings of each room, credentials, and the dialplan's model.

They can be written to bytes and read again, for the copy of the last configuration that was good. It holds password
hashes of devices and account codes, the passwords of trunks and perhaps that of the database, so whoever stores it
gives it mode 0600. No `repr` here shows a secret.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from config.problems import Problem
from dialplan.destinations import Destination
from dialplan.model import Model

FORMAT = 7


class CertificateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a certificate and its key are: files, relative to the configuration's folder."""

    certificate: str
    key: str


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One socket. `advertise` is empty when the address that we listen on (or the one of the flow) is the one to
    name; peers in `local_networks` (CIDR) are told that one in any case. `optional`: it is there by default, and left
    out where the machine does not have its family. `client_ca` (for TLS) is a file, or empty when clients are not
    asked who they are.
    """

    transport: str
    address: str
    port: int
    advertise: str = ""
    certificates: tuple[CertificateSettings, ...] = ()
    client_ca: str = ""
    client_required: bool = False
    local_networks: tuple[str, ...] = ()
    dscp: int = 24
    optional: bool = False


class DeviceCredentials(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One telephone's digest user and its hashed secret: hex of H(username:realm:secret) (RFC 7616 section 3.4.2).
    `unasked`: it is told of its messages although it does not subscribe. `srtp`: answered, offered or required."""

    device: str
    user: str
    lines: tuple[str, ...]
    ha1_md5: str
    ha1_sha256: str
    name: str = ""
    unasked: bool = False
    srtp: str = "answered"

    def __repr__(self) -> str:
        return f"DeviceCredentials(device={self.device!r}, user={self.user!r}, lines={self.lines!r})"


class AccountCodePassword(msgspec.Struct, frozen=True, kw_only=True):
    """The password of an account code (CST-2), hashed: hex of scrypt. The salt is the code, not chance, so that the
    same configuration has the same version wherever it is compiled. A password of a few digits is found by whoever has
    the hash, however it is made: what protects it is the file's mode."""

    code: str
    hash: str

    def fits(self, password: str) -> bool:
        """Whether this is the password. It takes some milliseconds."""
        return hmac.compare_digest(self.hash, _scrypt(f"account code {self.code}", password))

    def __repr__(self) -> str:
        return f"AccountCodePassword(code={self.code!r})"


def account_code_password(code: str, password: str) -> AccountCodePassword:
    """The same from the password itself."""
    return AccountCodePassword(code=code, hash=_scrypt(f"account code {code}", password))


class ConferencePins(msgspec.Struct, frozen=True, kw_only=True):
    """The PINs of a conference, hashed like the password of an account code; empty where there is none."""

    room: str
    member: str = ""
    chair: str = ""

    def role(self, pin: str) -> str:
        """`chair`, `member` or nothing, for who has given this PIN. It takes some milliseconds."""
        given = _scrypt(_conference(self.room), pin)
        chair, member = hmac.compare_digest(self.chair, given), hmac.compare_digest(self.member, given)
        return "chair" if chair else "member" if member else ""

    def __repr__(self) -> str:
        return f"ConferencePins(room={self.room!r})"


def conference_pins(room: str, member: str, chair: str) -> ConferencePins:
    """The same from the PINs themselves; empty where there is none."""
    hashed = [_scrypt(_conference(room), pin) if pin else "" for pin in (member, chair)]
    return ConferencePins(room=room, member=hashed[0], chair=hashed[1])


def _conference(room: str) -> str:
    return f"conference {room}"


def _scrypt(salt: str, password: str) -> str:
    return hashlib.scrypt(password.encode(), salt=f"ringplan {salt}".encode(), n=1024, r=8, p=1, dklen=32).hex()


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One host of a carrier. `port` 0: by the SRV records of its name, else 5060; `transport` empty: by its NAPTR
    records, or those SRV records that there are (RFC 3263)."""

    host: str
    port: int = 0
    transport: str = "udp"
    priority: int = 0
    weight: int = 1


class TrunkAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at a carrier. The realm is not known before we are challenged, so this is the password itself. A
    realm that is not among `realms` is not answered; empty, the first is learned. An empty `user` means that we have no
    account."""

    user: str = ""
    digest_user: str = ""
    secret: str = ""
    realms: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"TrunkAccount(user={self.user!r}, realms={self.realms!r})"


class TrunkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A carrier: where it is, how it is recognised, who we are there, and how it writes (its dialect).

    `sources` are addresses, `address:port` or networks; empty: the addresses of its hosts. `domain` is what stands in
    Request-URI and To; `from_domain` in From, where empty is our own address. `proxy` replaces `hosts` as the place
    that all is sent to. Times are in seconds; a `channels` or `calls_per_second` of 0 is no limit. `ca` is a
    file (empty: the system's authorities), `certificate` what we show there by TLS. `emergency_urn`: it takes
    `urn:service:sos`; `emergency_location`: it takes the caller's address as PIDF-LO. `transfers`: it may send calls on
    by REFER, to our own numbers. `cost_header` is where it says what a call cost, in `cost_currency` where none stands
    there; `aoc`: it says so in bodies by 3GPP TS 24.647.
    """

    id: str
    hosts: tuple[HostSettings, ...]
    proxy: HostSettings | None = None
    domain: str = ""
    from_domain: str = ""
    sources: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    ca: str = ""
    certificate: CertificateSettings | None = None
    account: TrunkAccount = TrunkAccount()
    register: bool = False
    registrar: str = ""
    expires_s: int = 3600
    numbers: str = "e164"
    numbers_in: str = "auto"
    country: str = ""
    user_phone: bool = False
    did_from: str = "request-uri"
    trusted: bool = False
    caller_in: tuple[str, ...] = ("from",)
    caller_out: tuple[str, ...] = ("from",)
    codecs: tuple[str, ...] = ()
    early_media: bool = True
    srtp: str = "answered"
    channels: int = 0
    calls_per_second: int = 0
    ping_s: float = 0.0
    failover: tuple[int, ...] = (408, 500, 502, 503, 504)
    avoid_s: float = 60.0
    emergency_urn: bool = False
    emergency_location: bool = False
    transfers: bool = False
    cost_header: str = ""
    cost_currency: str = ""
    aoc: bool = False

    @property
    def tells_costs(self) -> bool:
        """Whether it says what calls cost."""
        return self.aoc or bool(self.cost_header)

    @property
    def places(self) -> tuple[HostSettings, ...]:
        """Where all is sent to: the outbound proxy, or the hosts."""
        return (self.proxy,) if self.proxy is not None else self.hosts


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How e-mail is sent. `tls` is start (STARTTLS, or nothing is sent), always or never."""

    host: str
    port: int
    sender: str
    user: str = ""
    secret: str = ""
    tls: str = "start"


class MailboxSettings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one mailbox works; times in seconds, 0: for ever or never. `lines` are those who share it: the owner first,
    then delegates or members (DVM-1). `owner` is the line that it belongs to, empty for one that is nobody's own.
    `email` is empty where nobody is told. `greeting` is a file, empty: spoken words; `own_greeting`: whether another
    may be recorded. `operator` is where `0` leads. `extension` is the number that people know it by. Times are
    told in its `time_zone`.
    """

    id: str
    name: str = ""
    extension: str = ""
    owner: str = ""
    lines: tuple[str, ...] = ()
    greeting: str = ""
    own_greeting: bool = True
    longest_s: float = 180.0
    silence_s: float = 10.0
    messages: int = 100
    keep_s: float = 0.0
    email: str = ""
    notify: str = "none"
    format: str = "wav"
    delete_after_email: bool = False
    pin_length: int = 6
    pin_tries: int = 5
    pin_lockout_s: float = 900.0
    time_zone: str = "UTC"
    operator: Destination | None = None


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The sound. `addresses` are those that ports are bound on, at most one of a family; of the `optional` ones those
    are left out whose family the machine does not have. `advertise` (one a family) may be empty: then it is that of the
    listeners. Ports are UDP, both bounds included; times in seconds."""

    addresses: tuple[str, ...]
    advertise: tuple[str, ...]
    local_networks: tuple[str, ...]
    dscp: int
    optional: tuple[str, ...]
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
    qualify_s: float = 60.0
    """How often a contact is asked by OPTIONS; 0: never."""


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a call, in seconds. `session_s` 0: no session timers."""

    unreachable_s: float
    session_s: int = 1800
    least_session_s: int = 90
    warn_by: str = "beep"
    """Before the limit of a call: beep, message or both."""
    warn_to: str = "inside"
    """Whom: inside or both."""
    announcements: str = "early"
    """How refusals are told: early, answer or off."""
    drain_s: float = 30.0
    """How long a stop waits for calls."""


class PromptSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The words that the exchange says. `folder` (empty: none) is relative to the configuration's."""

    folder: str = ""
    language: str = "en"
    voice: str = "en-us"


class BanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a source is shut out; times in seconds."""

    failures: int
    window_s: float
    time_s: float
    longest_s: float
    dry_run: bool


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one source and all together may ask. `rate` in messages a second, `max_message` in octets."""

    max_message: int
    rate: int
    burst: int
    connections: int
    connections_per_source: int
    allow: tuple[str, ...] = ()
    """Networks that are never banned."""
    hidden: bool
    ban: BanSettings


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where /metrics and /healthz are."""

    enabled: bool
    address: str
    port: int


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`json` None: text on a terminal, else JSON."""

    level: str
    json: bool | None


class RecordingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The recordings. `folder` is relative to the configuration's; empty: in the data folder. `keep_days` 0: for
    ever."""

    folder: str = ""
    keep_days: int = 0
    keep_spools: bool = False
    emergency: bool = False
    longest_s: float = 6 * 3600.0


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database's URL; empty for SQLite in the data folder. It may hold a password. `journal_max` in megabytes.
    Records are kept for `keep_s` seconds, those of emergency calls, and their recordings, for `emergency_keep_s` at
    least; 0: for ever. `mask` is none, exports or all."""

    url: str
    journal_max: int = 4000
    keep_s: float = 0.0
    emergency_keep_s: float = 0.0
    mask: str = "none"

    def __repr__(self) -> str:
        return "RecordSettings(***)"


class Compiled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    account_codes: tuple[AccountCodePassword, ...] = ()
    conferences: tuple[ConferencePins, ...] = ()
    mail: MailSettings | None = None
    mailboxes: tuple[MailboxSettings, ...] = ()
    prompts: PromptSettings = PromptSettings()
    recordings: RecordingSettings = RecordingSettings()
    domains: tuple[str, ...] = ()
    """The names of this exchange; empty: any."""
    warnings: tuple[Problem, ...] = ()
