"""What is let in: sizes, rates by source, numbers of connections, and who is banned. Bounded memory throughout.

The defaults are generous: a trunk may send thousands of requests a second. They stop floods and mistakes, not peers.

Sources in good standing (carriers, allowed networks, addresses from which somebody has signed in) take the short way,
`passes`: well under a microsecond a datagram. Everybody else is looked at more closely by `examine`: newcomers for the
marks of scanners, and addresses that are banned as a whole or in part.

Whom an offence is laid to (`switch/net/bans.py`): where nobody is known, to the whole address. Where somebody has
signed in, many telephones may share the address, so the failures of one must not be the others' trouble: they are laid
to the name that was tried there, and to the flow (port) if that is none of those who have signed in. A challenge is no
failure; challenges that nobody answers are, after `RIPE_S`, if nobody has signed in from there meanwhile.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from switch.net.bans import Ban, Bans, BanSettings, Offence, place_of
from switch.net.limits import Limits
from switch.net.recent import Recent
from switch.sip import glance
from switch.sip.flow import Address, unscoped

RIPE_S = 8.0
"""A challenge that was not answered for so long is held against its source."""
MERCY_S = 4 * 3600.0
"""So long after an emergency call from a banned address, what belongs to calls is let in from there."""
PLEAS, PLEAS_PER_S = 12.0, 0.5
"""What is let in of emergency calls from a banned address where nobody is known: at once, and from then on."""
MAX_USER = 64
LOOKED_THROUGH = 2048
SCANNERS = re.compile(
    rb"\r\nuser-agent[ \t]*:[^\r\n]*(?:friendly-scanner|friendly-request|sipvicious|sipcli|sip-?scan|sundayddr|"
    rb"iwar|pplsip|sipptk|vaxsip)|\r\n(?:from|f)[ \t]*:[ \t]*\"?sipvicious",
    re.IGNORECASE,
)
"""How scanners call themselves. They get no answer, as long as nobody has signed in from their address."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Source(msgspec.Struct, gc=False):
    """What is known of one address: what it may still send (`tokens` as of `at`) and how it stands."""

    tokens: float
    at: float
    place: str
    watched: bool = False
    """Whether its packets are looked at: it is new, or something of it is banned."""
    exempt: bool = False
    asked: int = 0
    """Registrations that were challenged since `asked_at`."""
    asked_calls: int = 0
    asked_at: float = 0.0


class Guard:
    """Token buckets, standing and bans by source. `trusted` are the trunks' hosts: like the networks of
    `use` and `allow` they may send a multiple of the rate and are never banned. `urgent` says whether a number is an
    emergency number (EMG-6).
    """

    def __init__(
        self,
        limits: Limits,
        trusted: frozenset[str] = frozenset(),
        bans: BanSettings | None = None,
        at: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._rate = limits.rate_per_s
        self._burst = limits.burst
        self._sources: Recent[str, Source] = Recent(limits.sources)
        self._more: Recent[str, Source] = Recent(limits.sources)
        """The further tokens of those who are exempt."""
        self._known: Recent[str, float] = Recent(limits.sources)
        """When somebody last signed in from that place."""
        self._users: Recent[Address, str] = Recent(limits.sources)
        """Who signed in from that flow."""
        self._ported: dict[str, int] = {}
        """Hosts of which flows are banned, and how many."""
        self._spared: Recent[str, float] = Recent(1024)
        """When an emergency call was let in from a host that is banned."""
        self._pleas: Recent[str, Source] = Recent(1024)
        """What a place that is banned may still send for the sake of emergency calls."""
        self.bans = Bans(bans, at)
        self.bans.freed = self._freed
        self.urgent: Callable[[str], bool] = lambda dialled: False
        self.hidden = False
        """Whether strangers' requests but for calls and registrations get no answer."""
        self.refused = 0
        self.dropped = 0
        """Messages not read as their source is banned, or a scanner."""
        self._trusted = trusted
        self._configured: tuple[Network, ...] = ()
        self.allowed: dict[str, Network] = {}
        """The networks that were allowed at run time, by their text."""

    # -- each packet --------------------------------------------------------------------------------------------

    def passes(self, host: str, now: float) -> bool:
        """Whether a message from `host` is to be read at once; if not, ask `examine`."""
        source = self._sources.young.get(host)
        if source is None:
            source = self._sources.get(host)
            if source is None:
                return False
        return not source.watched and self._take(source, now)

    def examine(self, host: str, port: int, data: bytes | memoryview, now: float) -> bool:
        """Whether a message is to be read that did not pass."""
        source = self._sources.get(host)
        if source is None:
            source = self._meet(host, now)
        if source.watched:
            ban = self._ban_over(source, host, port)
            if ban is not None:
                ban.dropped += 1
                if not ban.dry:
                    if self._mercy(source, host, data, now):
                        return True
                    self.dropped += 1
                    return False
            elif self._known_at(source.place, now):
                self._judge(source, host, now)  # its ban has ended
            elif SCANNERS.search(data, 0, LOOKED_THROUGH) is not None:
                made = self.bans.charge(source.place, "scanner")
                if made is not None and not made.dry:
                    made.dropped += 1
                    self.dropped += 1
                    return False
        if self._take(source, now):
            return True
        if source.exempt and self._spare(host, now):
            return True
        if self._mercy(source, host, data, now):
            return True
        self.refused += 1
        return False

    def admit(self, host: str, now: float, port: int = 0, data: bytes = b"") -> bool:
        """Both at once."""
        return self.passes(host, now) or self.examine(host, port, data, now)

    def bars(self, host: str) -> bool:
        """Whether nothing that comes from `host` is read, so that a connection from there need not be accepted."""
        if not self.bans.standing:
            return False
        place = place_of(host)
        ban = self.bans.standing.get(place)
        return ban is not None and not ban.dry and self._known.get(place) is None and not self._is_exempt(host)

    def hears(self, host: str, now: float) -> bool:
        """Whether something more is let in from a place that is banned, as it may belong to an emergency call: its
        telephone may not have signed in from there yet, or others try its name. Enough for a call, not for guessing."""
        place = place_of(host)
        left = self._pleas.get(place)
        if left is None:
            left = Source(PLEAS, now, place)
            self._pleas.put(place, left)
        return _drawn(left, now, PLEAS_PER_S, PLEAS)

    def spend(self, host: str, messages: float) -> None:
        """What a stranger has just sent costs as much as so many messages, of which one is counted already; but no
        more than a hundredth of what he may send, so that there is enough left to sign in."""
        source = self._sources.get(host)
        if source is not None and source.watched:
            source.tokens -= max(0.0, min(messages, self._burst / 100) - 1.0)

    def _take(self, source: Source, now: float) -> bool:
        tokens = source.tokens + (now - source.at) * self._rate
        source.at = now
        if tokens >= 1.0:
            source.tokens = tokens - 1.0 if tokens < self._burst else self._burst - 1.0
            return True
        source.tokens = tokens
        return False

    def _spare(self, host: str, now: float) -> bool:
        times = self._limits.trusted_times - 1.0
        source = self._more.get(host)
        if source is None:
            source = Source(self._burst * times, now, host)
            self._more.put(host, source)
        return _drawn(source, now, self._rate * times, self._burst * times)

    def _meet(self, host: str, now: float) -> Source:
        source = Source(self._burst, now, place_of(host), exempt=self._is_exempt(host))
        self._sources.put(host, source)
        self._judge(source, host, now)
        return source

    def _judge(self, source: Source, host: str, now: float) -> None:
        source.watched = not source.exempt and (
            not self._known_at(source.place, now) or host in self._ported or source.place in self.bans.standing
        )

    def _ban_over(self, source: Source, host: str, port: int) -> Ban | None:
        standing = self.bans.standing
        if not standing:
            return None
        ban = standing.get(source.place)
        if ban is None and host in self._ported:
            ban = standing.get(f"{host} port {port}")
        return ban

    def _mercy(self, source: Source, host: str, data: bytes | memoryview, now: float) -> bool:
        """EMG-6: an emergency call is let in, and what follows it; of a place where nobody is known, so much of it."""
        data = bytes(data)
        kind = glance.glance(data)
        if kind == "invite":
            if not self.urgent(glance.dialled(data)):
                return False
        else:
            since = self._spared.get(host)
            if kind not in ("response", "following") or since is None or now - since > MERCY_S:
                return False
        if self._known.get(source.place) is None and not self.hears(host, now):
            return False
        if kind == "invite":
            self._spared.put(host, now)
        return True

    # -- what the core tells ------------------------------------------------------------------------------------

    def challenged(self, remote: Address, method: str, now: float) -> None:
        """A request without a password got its challenge."""
        source = self._sources.get(remote[0])
        if source is None or not source.watched or self.knows(remote[0], now):
            return
        if now - source.asked_at > RIPE_S:
            if source.asked:
                self.bans.charge(source.place, "scan", source.asked)
            if source.asked_calls:
                self.bans.charge(source.place, "stranger", source.asked_calls)
            source.asked = source.asked_calls = 0
            source.asked_at = now
        if method == "INVITE":
            source.asked_calls += 1
        else:
            source.asked += 1

    def failed(self, remote: Address, user: str, now: float, *, exists: bool = True) -> None:
        """Somebody has shown a wrong password for `user`, or the name of nobody."""
        host = remote[0]
        source = self._sources.get(host)
        if source is None:
            source = self._meet(host, now)
        if source.exempt:
            return
        known = self.knows(host, now)
        least = self._burst / 4 if known else -self._limits.failure
        source.tokens = max(source.tokens - self._limits.failure, min(source.tokens, least))
        offence: Offence = "password" if exists else "unknown"
        if not known:
            source.watched |= self.bans.charge(source.place, offence) is not None
            return
        his = self._users.get(remote)
        if his == user:
            return
        key = f"{source.place} user {user[:MAX_USER]}"
        if key in self.bans.standing:
            return
        if his is None or self.bans.charged(key) is None:
            # A telephone of ours with one bad account among its good ones is charged for that once.
            self._charge_flow(source, remote, offence)
        self.bans.charge(key, offence)

    def malformed(self, remote: Address, now: float) -> None:
        """A message came that is no valid SIP."""
        source = self._sources.get(remote[0])
        if source is None or source.exempt:
            return
        if self.knows(remote[0], now):
            self._charge_flow(source, remote, "malformed")
        else:
            source.watched |= self.bans.charge(source.place, "malformed") is not None

    def welcome(self, remote: Address, user: str, now: float) -> None:
        """`user` has signed in from there."""
        host = remote[0]
        source = self._sources.get(host)
        place = source.place if source is not None else place_of(host)
        first = self._known.get(place) is None
        self._known.put(place, now)
        self._users.put(remote, user)
        if source is not None and (first or source.watched):
            source.asked = source.asked_calls = 0
            self.bans.forgive(place)
            self._judge(source, host, now)

    def knows(self, host: str, now: float) -> bool:
        """Whether `host` is a carrier's, allowed, or somebody has signed in from there lately."""
        return self._is_exempt(host) or self._known_at(place_of(host), now)

    def _known_at(self, place: str, now: float) -> bool:
        at = self._known.get(place)
        return at is not None and now - at <= self._limits.known_s

    def hides(self, host: str, now: float) -> bool:
        """Whether nobody at `host` need know that we are here."""
        return self.hidden and not self.knows(host, now)

    def refuses(self, remote: Address, user: str) -> bool:
        """Whether requests of that name from there get no answer, right or wrong as the password may be."""
        standing = self.bans.standing
        if not standing:
            return False
        place = place_of(remote[0])
        ban = standing.get(f"{place} user {user[:MAX_USER]}")
        if ban is None or self._users.get(remote) == user or self._is_exempt(remote[0]):
            return False
        ban.dropped += 1
        self.dropped += not ban.dry
        return not ban.dry

    def _charge_flow(self, source: Source, remote: Address, offence: Offence) -> None:
        host, port = remote
        if self.bans.charge(f"{host} port {port}", offence) is not None:
            self._ported[host] = self._ported.get(host, 0) + 1
            source.watched = True

    # -- what people set ----------------------------------------------------------------------------------------

    @property
    def trusted(self) -> frozenset[str]:
        """The trunks' hosts."""
        return self._trusted

    @trusted.setter
    def trusted(self, hosts: frozenset[str]) -> None:
        changed = hosts ^ self._trusted
        self._trusted = hosts
        for host in changed:
            source = self._sources.get(host)
            if source is not None:
                source.exempt = self._is_exempt(host)
                self._judge(source, host, source.at)

    def use(self, bans: BanSettings, allow: Sequence[str]) -> None:
        """The operator's settings. Raises ValueError for what is no network."""
        self.bans.settings = bans
        for ban in list(self.bans.standing.values()):
            if bans.dry_run:
                ban.dry = True
            elif ban.dry:
                del self.bans.standing[ban.key]
        self._configured = tuple(ipaddress.ip_network(each, strict=False) for each in allow)
        self._judge_all()

    def restore(self, bans: Iterable[Ban], allowed: Iterable[str]) -> None:
        """What was saved by the process before us."""
        self.bans.restore(bans)
        self.allowed = {each: ipaddress.ip_network(each, strict=False) for each in allowed}
        self._judge_all()

    def allow(self, text: str) -> str:
        """Never ban these addresses, and lift what stands against them; returns the network. Raises ValueError."""
        network = ipaddress.ip_network(text.strip(), strict=False)
        if len(self.allowed) >= 1000:
            raise ValueError("a thousand networks are allowed already; put them into the configuration (guard.allow)")
        self.allowed[str(network)] = network
        for key in list(self.bans.standing):
            if self._is_exempt(key.partition(" ")[0].partition("/")[0]):
                self.bans.lift(key)
        self.bans.changed = True
        self._judge_all()
        return str(network)

    def disallow(self, text: str) -> bool:
        """Undo `allow`. False when it was not allowed at run time. Raises ValueError for what is no network."""
        found = self.allowed.pop(str(ipaddress.ip_network(text.strip(), strict=False)), None) is not None
        self.bans.changed = self.bans.changed or found
        self._judge_all()
        return found

    def unban(self, text: str) -> list[Ban]:
        """Lift all bans of an address, with its flows and names, or of one key; what stood against it."""
        place = place_of(text.partition("/")[0])
        keys = [ban.key for ban in self.bans.of(place)] if " " not in text else [text]
        self.bans.forgive(place)
        lifted = [ban for ban in map(self.bans.lift, keys) if ban is not None]
        self._judge_all()
        return lifted

    def sweep(self, now: float) -> None:
        """To be called every few seconds: bans end. Whom they concerned is judged when he speaks again (`examine`)."""
        if self.bans.standing:
            self.bans.expire()

    def exemption(self, host: str) -> str:
        """Why an address is never banned, in words; empty when it may be."""
        if host in self._trusted:
            return "a carrier's"
        ip = ipaddress.ip_address(unscoped(host))
        for networks, words in ((self._configured, "guard.allow"), (self.allowed.values(), "`ringplan guard allow`")):
            for network in networks:
                if ip in network:
                    return f"allowed by {words} ({network})"
        return ""

    @property
    def configured(self) -> tuple[str, ...]:
        """The networks of `guard.allow`."""
        return tuple(map(str, self._configured))

    def charges_at(self, place: str) -> list[tuple[str, str]]:
        """What runs against an address, its flows and names: key and words."""
        at, window_s = self.bans.at(), self.bans.settings.window_s
        return [
            (key, charge.words(at))
            for key, charge in self.bans.charges()
            if at - charge.since <= window_s and place_of(key.partition(" ")[0]) in (place, key)
        ]

    def left_of(self, host: str, now: float) -> float | None:
        """How many messages an address may send at this moment; None when it is not remembered."""
        source = self._sources.get(host)
        return None if source is None else source.tokens + (now - source.at) * self._rate

    def users_at(self, place: str) -> list[str]:
        """Who has signed in from a place lately."""
        return sorted({user for (host, _), user in self._users.items() if place_of(host) == place})

    def _is_exempt(self, host: str) -> bool:
        if host in self._trusted:
            return True
        if not self._configured and not self.allowed:
            return False
        try:
            return bool(self.exemption(host))
        except ValueError:
            return False

    def _freed(self, ban: Ban) -> None:
        """A ban has ended."""
        host, _, rest = ban.key.partition(" ")
        if rest.startswith("port ") and host in self._ported:
            self._ported[host] -= 1
            if not self._ported[host]:
                del self._ported[host]

    def _judge_all(self) -> None:
        """What somebody has set may concern every source."""
        self._ported = {}
        for key in self.bans.standing:
            host, kind, _ = (*key.split(" ", 2), "", "")[:3]
            if kind == "port":
                self._ported[host] = self._ported.get(host, 0) + 1
        for host, source in self._sources.items():
            source.exempt = self._is_exempt(host)
            self._judge(source, host, source.at)

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)


def _drawn(bucket: Source, now: float, rate_per_s: float, most: float) -> bool:
    """Whether there was a token left, which is taken out."""
    bucket.tokens = min(bucket.tokens + (now - bucket.at) * rate_per_s, most)
    bucket.at = now
    if bucket.tokens < 1.0:
        return False
    bucket.tokens -= 1.0
    return True


__all__ = ["Guard", "Limits", "Recent", "Source"]
