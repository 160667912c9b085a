"""The server's side of digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760). Pure: no clock, no randomness.

A nonce proves itself: it is the instant of its making and a serial number, signed with a key that is handed in, for the
address that it is sent to. So who answers with it has received it there: a wrong password is told as such (`failed`)
only then, and nobody gets another's address banned by packets that he forges. Any other answer is asked once more, with
`stale=true`, whatever its password.

Nothing is remembered for a challenge that nobody answers. What is remembered is the nonce counts of nonces that were
answered with a right password, in two generations of one bounded table: when the younger one is full or a nonce's life
has passed, the older one is forgotten, and so is every nonce that was made before the younger one began. So a forgotten
count can never be replayed; at worst an honest phone is asked once more.

From outside an unknown user and a wrong password are the same answer after the same work.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, Protocol

import msgspec

from switch import quirks
from switch.sip import digest
from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Request
from switch.sip.uri import Uri

MD5 = "MD5"
SHA256 = "SHA-256"
Kind = Literal["www", "proxy"]

WINDOW = 16
"""How far behind the highest nonce count a request may be: requests sent together may overtake each other on UDP."""

_WINDOW_MASK = (1 << WINDOW) - 1
_STAMP_BYTES = 8
_SERIAL_BITS = 20
_MAC_BYTES = 12
_PLACE = "<nonce>"
_DEFAULT_PORTS = {"sip": 5060, "sips": 5061}


class DeviceAuth(msgspec.Struct, frozen=True, gc=False):
    """A device as its credentials name it (IDN-1). `lines` are line ids, the default first; `ha1_...` are hex."""

    device: str
    user: str
    lines: tuple[str, ...]
    ha1_md5: str = ""
    ha1_sha256: str = ""

    def ha1(self, algorithm: str) -> str:
        """The stored H(user:realm:secret) for `MD5` or `SHA-256`; empty when the device has none for it."""
        return self.ha1_sha256 if algorithm == SHA256 else self.ha1_md5


class Credentials(Protocol):
    """Who may authenticate. The configuration implements it."""

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        """The device with that digest user name, or None."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The request comes from this device."""

    device: DeviceAuth


class Challenge(msgspec.Struct, frozen=True, gc=False):
    """Answer 401 or 407 with these header lines.

    `failed` is the user name that was tried with a wrong password, or that nobody has; for the guard and the log only.
    """

    status: int
    lines: tuple[str, ...]
    failed: str = ""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Answer this final status: asking again would not help."""

    status: int
    reason: str = ""


class AuthSettings(msgspec.Struct, frozen=True):
    """What an operator may turn. Algorithms are offered in this order, strongest first (RFC 8760 section 2.4)."""

    realm: str
    algorithms: tuple[str, ...] = (SHA256, MD5)
    nonce_life_s: float = 300.0
    max_nonces: int = 30_000


class Authenticator:
    """Decides for each request whether it is from a known device.

    `key` is at least 16 random bytes, new at each start. It may be kept over a restart, so that phones need not be
    challenged again; then each request that was seen before the restart may be replayed until its nonce's life ends.
    """

    def __init__(self, settings: AuthSettings, credentials: Credentials, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the nonce key needs at least 16 bytes")
        self._settings = settings
        self._offers: dict[tuple[Kind, tuple[str, ...], bool], list[tuple[str, str]]] = {}
        self.credentials = credentials
        self._nonces = Nonces(key, settings.nonce_life_s, settings.max_nonces)
        # Nobody's password: computed with for unknown users, so that they cost the same as known ones.
        self._nobody = DeviceAuth(
            "", "", (), hmac.digest(key, b"nobody", "md5").hex(), hmac.digest(key, b"nobody", "sha256").hex()
        )

    @property
    def nonces(self) -> Nonces:
        """The challenges of this process."""
        return self._nonces

    @property
    def settings(self) -> AuthSettings:
        """What the operator wants; to be exchanged together with the credentials, which are of the realm."""
        return self._settings

    @settings.setter
    def settings(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._offers.clear()

    def check(self, request: Request, now: float, kind: Kind = "www", host: str = "") -> Accepted | Challenge | Refused:
        """Authenticate a request from `host`. `kind` is `www` for a registrar or UAS (401), `proxy` for 407.

        ACK and CANCEL must not be given here: they cannot be challenged (22.1). Raises nothing.
        """
        header = "Authorization" if kind == "www" else "Proxy-Authorization"
        try:
            credentials = self._ours(request.all(header))
        except RemoteProtocolError as error:
            return Refused(error.status, error.text)
        if credentials is None:
            return self._challenged(request, kind, now, host, stale=False)
        return self._verify(credentials, request, now, kind, host)

    def _ours(self, values: Sequence[str]) -> digest.Digest | None:
        """The Digest credentials for our realm and an algorithm that we offer. Others are somebody else's (22.3)."""
        for value in values:
            try:
                credentials = digest.parse(value)
            except RemoteProtocolError:
                if self._settings.realm in value:
                    raise
                continue  # somebody else's to understand
            if (
                credentials is not None
                and credentials.get("realm") == self._settings.realm
                and credentials.algorithm in self._settings.algorithms
            ):
                return credentials
        return None

    def _verify(
        self, credentials: digest.Digest, request: Request, now: float, kind: Kind, host: str
    ) -> Accepted | Challenge | Refused:
        get = credentials.params.get
        user, nonce, uri, qop = get("username"), get("nonce"), get("uri"), get("qop")
        if not user or not nonce or not uri or not get("response"):
            return Refused(400, "Incomplete Credentials")
        count = 1  # without qop there is no count, so such a nonce is good for one request
        if qop:
            if qop.lower() != "auth" or not get("cnonce"):
                return Refused(400, "Unsupported Quality of Protection")
            count = _hex_count(get("nc", ""))
            if count < 0:
                return Refused(400, "Malformed Nonce Count")
        if uri != request.uri and not same_target(uri, request.uri):
            # RFC 7616 3.4.6: credentials made for another resource are a bad request, perhaps an attack.
            return Refused(400, "Digest URI Mismatch")
        stamp = self._nonces.stamp(nonce, host)
        if stamp < 0:
            return self._challenged(request, kind, now, host, stale=True)
        device = self.credentials.lookup(user, self._settings.realm)
        algorithm = credentials.algorithm
        ha1 = device.ha1(algorithm) if device is not None else ""
        right = digest.verify(credentials, ha1 or self._nobody.ha1(algorithm), request.method)
        if not right or not ha1 or device is None:
            return self._challenged(request, kind, now, host, stale=False, failed=user)
        if not self._nonces.use(stamp, count, now):
            return self._challenged(request, kind, now, host, stale=True)
        return Accepted(device)

    def challenge(self, request: Request, now: float, kind: Kind = "www", host: str = "") -> Challenge:
        """What `check` answers a request that has no credentials."""
        return self._challenged(request, kind, now, host, stale=False)

    def _challenged(
        self, request: Request, kind: Kind, now: float, host: str, *, stale: bool, failed: str = ""
    ) -> Challenge:
        offered = quirks.algorithms(request.header("User-Agent"), self._settings.algorithms)
        parts = self._offers.get((kind, offered, stale)) or self._offer(kind, offered, stale)
        nonce = self._nonces.make(now, host)
        return Challenge(
            401 if kind == "www" else 407, tuple([before + nonce + behind for before, behind in parts]), failed
        )

    def _offer(self, kind: Kind, algorithms: tuple[str, ...], stale: bool) -> list[tuple[str, str]]:
        """The header lines of a challenge, each as what stands before and behind the nonce. Kept: they are few."""
        name = "WWW-Authenticate: " if kind == "www" else "Proxy-Authenticate: "
        lines = []
        for algorithm in algorithms:
            # The nonce is hex, so one that is no hex shows where it goes; the realm is written before it.
            text = name + digest.challenge(self._settings.realm, _PLACE, algorithm, stale=stale)
            before, _, behind = text.rpartition(_PLACE)
            lines.append((before, behind))
        self._offers[kind, algorithms, stale] = lines
        return lines


class KeptNonces(msgspec.Struct, frozen=True):
    """What makes nonces, and which were used: see `Nonces`. Secret."""

    key: bytes
    serial: int
    current: dict[int, int]
    previous: dict[int, int]
    began_ms: int
    floor_ms: int


class Nonces:
    """Makes nonces, recognises its own, and counts their use. Bounded: two generations of at most `limit` counts."""

    __slots__ = ("_began_ms", "_current", "_floor_ms", "_key", "_life_ms", "_limit", "_previous", "_serial")

    def __init__(self, key: bytes, life_s: float, limit: int) -> None:
        self._key = key if len(key) <= blake2b.MAX_KEY_SIZE else blake2b(key).digest()
        self._life_ms = int(life_s * 1000)
        self._limit = limit
        self._serial = 0
        # stamp -> highest count << WINDOW | bits of the counts seen, bit 0 being the highest itself
        self._current: dict[int, int] = {}
        self._previous: dict[int, int] = {}
        self._began_ms = 0
        self._floor_ms = -1

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def kept(self) -> KeptNonces:
        """For the next process of the same machine: its telephones need not be challenged anew, and nothing that they
        have said can be said again."""
        return KeptNonces(self._key, self._serial, self._current, self._previous, self._began_ms, self._floor_ms)

    def take(self, kept: KeptNonces) -> None:
        """Go on from there."""
        self._key, self._serial = kept.key, kept.serial
        self._current, self._previous = dict(kept.current), dict(kept.previous)
        self._began_ms, self._floor_ms = kept.began_ms, kept.floor_ms

    def make(self, now: float, host: str = "") -> str:
        """A new nonce for that address, unlike all others: 40 hex digits."""
        self._serial = (self._serial + 1) & ((1 << _SERIAL_BITS) - 1)
        stamp = (int(now * 1000) << _SERIAL_BITS | self._serial).to_bytes(_STAMP_BYTES, "big")
        return (stamp + self._sign(stamp, host)).hex()

    def use(self, stamp: int, count: int, now: float) -> bool:
        """Whether the nonce with this stamp is alive, and `count` was not used with it before; it then counts as used.

        To be asked only for a response that is right, so that no stranger can fill the table.
        """
        now_ms = int(now * 1000)
        self._turn(now_ms)
        made_ms = stamp >> _SERIAL_BITS
        # A stamp ahead of the clock was made before the machine was started again with a kept key.
        if made_ms > now_ms or now_ms - made_ms > self._life_ms or made_ms <= self._floor_ms:
            return False
        table = self._previous if stamp in self._previous else self._current
        seen = table.get(stamp)
        after = _counted(1 if seen is None else seen, count)
        if after < 0:
            return False
        table[stamp] = after
        return True

    def _turn(self, now_ms: int) -> None:
        if now_ms - self._began_ms < self._life_ms and len(self._current) < self._limit:
            return
        # Every nonce whose count is forgotten here was used, so made, before the generation that now grows old began.
        self._previous = self._current
        self._current = {}
        self._floor_ms = self._began_ms
        self._began_ms = now_ms

    def _sign(self, stamp: bytes, host: str) -> bytes:
        # Keyed BLAKE2 is a signature by itself (RFC 7693), for a fifth of what HMAC costs; nobody else reads these.
        return blake2b(stamp + host.encode(), key=self._key, digest_size=_MAC_BYTES).digest()

    def stamp(self, nonce: str, host: str = "") -> int:
        """The signed number inside a nonce that is ours and was made for that address; else -1."""
        if len(nonce) != 2 * (_STAMP_BYTES + _MAC_BYTES):
            return -1
        try:
            raw = bytes.fromhex(nonce)
        except ValueError:
            return -1
        stamp = raw[:_STAMP_BYTES]
        if not hmac.compare_digest(raw[_STAMP_BYTES:], self._sign(stamp, host)):
            return -1
        return int.from_bytes(stamp, "big")


def _counted(seen: int, count: int) -> int:
    """The window after `count` was used, -1 when it was used before or lies too far back."""
    highest, bits = seen >> WINDOW, seen & _WINDOW_MASK
    ahead = count - highest
    if ahead > 0:
        bits = (bits << ahead | 1) & _WINDOW_MASK if ahead < WINDOW else 1
        return count << WINDOW | bits
    if -ahead >= WINDOW or bits >> -ahead & 1:
        return -1
    return seen | 1 << -ahead


def _hex_count(text: str) -> int:
    """A nonce count of at most 8 hex digits; -1 for anything else."""
    if not text.isalnum() or len(text) > 8:
        return -1
    try:
        return int(text, 16)
    except ValueError:
        return -1


def same_target(one: str, other: str) -> bool:
    """Whether the digest's uri means the Request-URI.

    They need not be the same text (RFC 3261 section 22.4: equivalent by 19.1.4). Phones and edge proxies also add or
    drop transport and user parameters on the way, which do not move the target; so those are not compared. `maddr` is.
    """
    try:
        a, b = Uri.parse(one), Uri.parse(other)
    except RemoteProtocolError:
        return False
    return (
        a.scheme == b.scheme
        and a.opaque == b.opaque
        and a.user_text == b.user_text
        and a.host.lower() == b.host.lower()
        and _port(a) == _port(b)
        and a.param("maddr") == b.param("maddr")
    )


def _port(uri: Uri) -> int | None:
    return uri.port or _DEFAULT_PORTS.get(uri.scheme)
