"""Who is shut out for what they did: offences are charged to a key, and too many of them within a window ban it.

A key is the narrowest thing that an offence can be laid to, as text that people read, too: `192.0.2.7` or
`2001:db8:0:1::/64` (a whole address), `192.0.2.7 port 5071` (one flow of it), `192.0.2.7 user 101` (one name tried from
it). Which one it is, `Guard` decides. Each ban of the same key lasts twice as long as the one before. In a dry run bans
are made and counted as ever, but nobody is shut out.

Times are Unix seconds: bans outlive the process. Everything is bounded: the tables forget the oldest.
"""

from __future__ import annotations

import heapq
import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from switch.net.recent import Recent
from switch.sip.flow import unscoped

Offence = Literal["password", "unknown", "stranger", "scan", "malformed", "scanner"]

WEIGHTS: dict[Offence, float] = {
    "password": 1.0,
    "unknown": 1.0,
    "stranger": 0.5,
    "scan": 0.1,
    "malformed": 0.1,
    "scanner": 1e6,
}
"""How many failures each one counts for."""
WORDS: dict[Offence, tuple[str, str]] = {
    "password": ("wrong password", "wrong passwords"),
    "unknown": ("name that nobody has", "names that nobody has"),
    "stranger": ("call without a password", "calls without a password"),
    "scan": ("registration without a password", "registrations without a password"),
    "malformed": ("malformed message", "malformed messages"),
    "scanner": ("packet that names a scanner", "packets that name a scanner"),
}
"""For one, and for more."""
FORGET_S = 7 * 86400.0
"""So long after a ban its key is a repeater."""
MOST_DOUBLINGS = 20


class BanSettings(msgspec.Struct, frozen=True):
    """What an operator may turn; times in seconds."""

    failures: int = 10
    window_s: float = 600.0
    time_s: float = 600.0
    longest_s: float = 7 * 86400.0
    dry_run: bool = False
    size: int = 10_000
    """Bans that are kept; those that end first give way."""


class Ban(msgspec.Struct):
    """One that stands. `times` counts this one; `dry`: it shuts nobody out; `dropped` counts packets since it was made,
    or those that would have been."""

    key: str
    why: str
    since: float
    until: float
    times: int = 1
    dry: bool = False
    dropped: int = 0


class Charge(msgspec.Struct):
    """What one key has against it in this window."""

    since: float
    points: float = 0.0
    counts: dict[Offence, int] = {}

    def words(self, at: float) -> str:
        """For people: what it was."""
        parts = [f"{count} {WORDS[kind][count > 1]}" for kind, count in self.counts.items()]
        return f"{', '.join(parts)} within {max(1, round(at - self.since))} s"


def place_of(host: str) -> str:
    """What stands for an address as a whole: itself; of IPv6 its network of 64 bits, which one customer has whole."""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.IPv6Network((unscoped(host), 64), strict=False))
    except ValueError:
        return host


class Bans:
    """The bans that stand, the charges that may become one, and who was banned before.

    `tell(event, **fields)` gets a line for each new ban. `changed` says that there is something to save.
    """

    def __init__(
        self,
        settings: BanSettings | None = None,
        at: Callable[[], float] = time.time,
        tell: Callable[..., object] = lambda event, **fields: None,
    ) -> None:
        self.settings = settings or BanSettings()
        self.at = at
        self.tell = tell
        self.standing: dict[str, Ban] = {}
        self.changed = False
        self.freed: Callable[[Ban], object] = lambda ban: None
        """Told of each ban that ends."""
        self.made = 0
        self._charges: Recent[str, Charge] = Recent(self.settings.size * 2)
        self._before: Recent[str, tuple[int, float]] = Recent(self.settings.size)
        """How often a key was banned, and until when the last time."""

    def charge(self, key: str, offence: Offence, times: int = 1) -> Ban | None:
        """One more offence; the ban that it leads to. Nothing is charged to who is banned already."""
        if key in self.standing:
            return None
        at, settings = self.at(), self.settings
        charge = self._charges.get(key)
        if charge is None or at - charge.since > settings.window_s:
            charge = Charge(at)
            self._charges.put(key, charge)
        charge.points += WEIGHTS[offence] * times
        charge.counts[offence] = charge.counts.get(offence, 0) + times
        if charge.points < settings.failures - 1e-9:
            return None
        self._charges.drop(key)
        return self._ban(key, charge.words(at), at)

    def _ban(self, key: str, why: str, at: float) -> Ban:
        settings = self.settings
        before, until = self._before.get(key) or (0, 0.0)
        times = before + 1 if at - until <= FORGET_S else 1
        lasts_s = min(settings.time_s * 2 ** min(times - 1, MOST_DOUBLINGS), settings.longest_s)
        if len(self.standing) >= settings.size:
            # Several at once: a flood under forged addresses must not go through the whole table for each packet.
            for ending in heapq.nsmallest(1 + settings.size // 16, self.standing.values(), lambda each: each.until):
                self._end(ending)
        ban = Ban(key, why, at, at + lasts_s, times, settings.dry_run)
        self.standing[key] = ban
        self._before.put(key, (times, ban.until))
        self.made += 1
        self.changed = True
        self.tell("banned" if not ban.dry else "would be banned", source=key, why=why, minutes=round(lasts_s / 60))
        return ban

    def charged(self, key: str) -> Charge | None:
        """What a key has against it in the window that runs."""
        charge = self._charges.get(key)
        return charge if charge is not None and self.at() - charge.since <= self.settings.window_s else None

    def charges(self) -> list[tuple[str, Charge]]:
        """All charges, by key; those of windows that are over among them."""
        return self._charges.items()

    def forgive(self, key: str) -> None:
        """Forget the charges of a key, but no ban."""
        self._charges.drop(key)

    def lift(self, key: str) -> Ban | None:
        """End a ban, and all that would lead to the next one or make it longer."""
        self._charges.drop(key)
        self._before.drop(key)
        ban = self.standing.get(key)
        if ban is not None:
            self._end(ban)
        return ban

    def expire(self) -> list[Ban]:
        """Take out the bans whose time is over."""
        at = self.at()
        over = [ban for ban in self.standing.values() if ban.until <= at]
        for ban in over:
            self._end(ban)
        return over

    def _end(self, ban: Ban) -> None:
        del self.standing[ban.key]
        self.changed = True
        self.freed(ban)

    def of(self, place: str) -> list[Ban]:
        """All bans of an address: its own, and those of its flows and names."""
        return [ban for key, ban in self.standing.items() if place_of(key.partition(" ")[0]) == place or key == place]

    def restore(self, bans: Iterable[Ban]) -> None:
        """Those that were saved; what is over makes repeaters only."""
        at = self.at()
        for ban in bans:
            self._before.put(ban.key, (ban.times, ban.until))
            if ban.until > at and len(self.standing) < self.settings.size:
                self.standing[ban.key] = ban
