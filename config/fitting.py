"""What must fit together: names that refer to something, numbers that are used once, secrets that can be read.

It is checked also when something else is wrong, with what is sound. Nothing is concluded from a value that was refused
or that stands in a part which could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from config.entries import KEY
from config.fitting_emergency import emergency_problems
from config.fitting_hours import hours_problems
from config.fitting_loops import loop_problems
from config.fitting_names import MAX_COMPARISONS, name_problems
from config.fitting_numbers import number_problems
from config.fitting_people import people_problems
from config.fitting_tls import tls_problems
from config.fitting_trunk import trunk_problems
from config.inherit import Levels
from config.problems import Problem, Wrong, did_you_mean
from config.schema_called import Conference
from config.secrets import resolve
from config.types import Secret
from config.validate import Loaded

LEAST_QUALIFY_S = 2.0


class Fitting:
    """Collects the problems of one compilation. `environ` None: secrets are not looked at."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str] | None) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._environ = environ
        self.levels = Levels(loaded)
        self.problems: list[Problem] = []
        self._comparisons = MAX_COMPARISONS

    def _wrong(self, code: str, message: str, hint: str, *path: str | int, key: bool = False) -> None:
        mark = self._loaded.key_mark(*path) if key else self._loaded.mark(*path)
        self.problems.append(Problem(code, mark, message, hint))

    def check(self) -> None:
        settings = self._settings
        self.problems += name_problems(self._loaded)
        self.problems += emergency_problems(self._loaded)
        if settings.default_trunk is not None:
            self._known("trunk", [settings.default_trunk], "default_trunk")
        self.problems += number_problems(self._loaded)
        self.problems += people_problems(self._loaded, self.levels)
        self._users()
        self.problems += trunk_problems(self._loaded)
        self.problems += tls_problems(self._loaded)
        self.problems += hours_problems(self._loaded)
        self._sockets()
        times = settings.registrar
        limits = [("registrar", key) for key in ("min_expires", "default_expires", "max_expires")]
        if self._sound(*limits) and not times.min_expires <= times.default_expires <= times.max_expires:
            self._wrong(
                "bad-limits", "`registrar`: min_expires, default_expires, max_expires must ascend", "", "registrar"
            )

        if self._sound(("registrar", "qualify")) and 0 < times.qualify < LEAST_QUALIFY_S:
            hint = f"write {LEAST_QUALIFY_S:.0f}s or more, or 0s to ask never"
            self._wrong("bad-limits", "`qualify`: telephones would be asked too often", hint, "registrar", "qualify")

        timer = settings.calls.session_timer
        keys = [("calls", "session_timer", key) for key in ("interval", "minimum")]
        if self._sound(*keys) and timer.minimum > timer.interval:
            hint = "make `interval` as long, or `minimum` shorter"
            message = "`session_timer`: the minimum is longer than the interval"
            self._wrong("bad-limits", message, hint, "calls", "session_timer")

        ban = settings.guard.ban
        if self._sound(*(("guard", "ban", key) for key in ("time", "longest"))) and ban.longest < ban.time:
            hint = "the first ban lasts for `time`"
            self._wrong("bad-limits", "`ban`: `longest` is shorter than `time`", hint, "guard", "ban")
        sound = not self.problems and not self._loaded.problems
        self.problems += loop_problems(self._loaded, self.levels, sound=sound)

    def _sound(self, *paths: tuple[str | int, ...]) -> bool:
        return all(self._loaded.sound(*path) for path in paths)

    def _known(self, what: str, names: Iterable[str], *path: str | int) -> None:
        seen = set()
        for at, name in enumerate(names):
            if not self._sound((*path, at)):
                continue
            if self._loaded.absent(f"{what}s", name):
                self._wrong("unknown-name", f"there is no {what} `{name}`", self._hint(what, name), *path, at)
            elif name in seen:
                self._wrong("duplicate-name", f"{what} `{name}` is named twice", "", *path, at)
            seen.add(name)

    def _hint(self, what: str, name: str) -> str:
        known = getattr(self._settings, f"{what}s")
        self._comparisons -= len(known)
        return did_you_mean(name, known) if self._comparisons >= 0 else ""

    def _users(self) -> None:
        users: dict[str, str] = {}
        for name, device in self._settings.devices.items():
            if not self._sound(("devices", name, "username"), ("devices", KEY, name)):
                continue
            user = device.username or name
            first = users.setdefault(user, name)
            if first != name:
                path = ("devices", name, "username") if device.username else ("devices", name)
                message = f"digest user name `{user}` is that of device `{first}` already"
                self._wrong("duplicate-user", message, "", *path)

    def _sockets(self) -> None:
        seen = set()
        for at, each in enumerate(self._settings.listen):
            socket = ("udp" if each.transport == "udp" else "tcp", each.address, each.socket_port)
            if not self._sound(*(("listen", at, key) for key in ("transport", "address", "port"))):
                continue
            if socket in seen:
                message = f"{each.transport} {each.address} port {each.socket_port} is listened on twice"
                self._wrong("duplicate-socket", message, "", "listen", at)
            seen.add(socket)
        media = self._settings.media
        for key, found in (("address", media.address), ("advertise", media.advertise)):
            if self._sound(("media", key)) and len({":" in each for each in found}) < len(found):
                hint = "one of IPv4 and one of IPv6 at the most"
                self._wrong("conflicting-keys", f"`{key}`: two of one family", hint, "media", key)
        if (
            self._sound(("media", "ports"), ("media", "workers"))
            and media.ports[1] - media.ports[0] + 1 < 4 * media.workers
        ):
            self._wrong("bad-limits", "`ports`: too few for that many workers", "at least four each", "media", "ports")

    def secret(self, secret: Secret | None, *path: str | int) -> str:
        if secret is None or self._environ is None:
            return ""
        try:
            return resolve(secret, self._loaded.folder, self._environ)
        except Wrong as wrong:
            self._wrong("bad-secret", f"`{path[-1]}`: {wrong.message}", wrong.hint, *path)
            return ""

    def pin(self, secret: Secret | None, *path: str | int) -> str:
        """A secret that is asked for by the keys of a telephone."""
        pin = self.secret(secret, *path)
        if pin and not re.fullmatch(r"[0-9]{3,12}", pin, re.ASCII):
            self._wrong("bad-secret", f"`{path[-1]}`: a PIN is made of 3 to 12 digits", "", *path)
        return pin

    def pins(self, name: str, room: Conference) -> tuple[str, str]:
        """Those of a conference: of its members, and of its chairs."""
        member = self.pin(room.pin, "conferences", name, "pin")
        chair = self.pin(room.chair_pin, "conferences", name, "chair_pin")
        if member and member == chair:
            hint = "who gives it would be a chair"
            self._wrong("bad-secret", "`chair_pin`: the same as `pin`", hint, "conferences", name, "chair_pin")
        return member, chair

    def records_url(self) -> str:
        """Where the records are to be; empty: in the data folder."""
        url = self.secret(self._settings.records.url, "records", "url")
        if url and not url.startswith(("postgresql:", "postgresql+asyncpg:", "postgres:", "sqlite:")):
            hint = "postgresql://USER:PASSWORD@HOST/NAME; left out: SQLite in the data folder"
            self._wrong("bad-value", "`url`: records are kept in PostgreSQL or SQLite", hint, "records", "url")
        return url
