"""What must fit together: names that refer to something, numbers that are used once, secrets that can be read.

It is checked also when something else is wrong, with what is sound. Nothing is concluded from a value that was refused
or that stands in a part which could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from config.entries import KEY
from config.fitting_hours import hours_problems
from config.fitting_tls import tls_problems
from config.fitting_trunk import trunk_problems
from config.problems import Mark, Problem, Wrong, did_you_mean
from config.secrets import resolve
from config.types import Secret
from config.validate import Loaded
from dialplan.areas import area_of, why_not
from dialplan.countries import has_area_codes

# How many names are compared for hints in all: in thousands of lines that are all misspelt, the first hints are enough.
MAX_COMPARISONS = 200_000
LEAST_QUALIFY_S = 2.0


class Fitting:
    """Collects the problems of one compilation."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._environ = environ
        self.problems: list[Problem] = []
        self._comparisons = MAX_COMPARISONS

    def _wrong(self, message: str, hint: str, *path: str | int, key: bool = False) -> None:
        mark = self._loaded.key_mark(*path) if key else self._loaded.mark(*path)
        self.problems.append(Problem(mark, message, hint))

    def check(self) -> None:
        settings = self._settings
        for name, device in settings.devices.items():
            self._known("line", device.lines, "devices", name, "lines")
        for number, ring_list in settings.extensions.items():
            self._known("line", ring_list.lines, "extensions", number, "lines")
        for number, lines in settings.dids.items():
            self._known("line", lines, "dids", number)
        self._known("trunk", settings.emergency.trunks, "emergency", "trunks")
        if settings.default_trunk is not None:
            self._known("trunk", [settings.default_trunk], "default_trunk")
        self._numbers()
        self._users()
        self.problems += trunk_problems(self._loaded)
        self.problems += tls_problems(self._loaded)
        self.problems += hours_problems(self._loaded)
        self._sockets()
        self._areas()
        times = settings.registrar
        limits = [("registrar", key) for key in ("min_expires", "default_expires", "max_expires")]
        if self._sound(*limits) and not times.min_expires <= times.default_expires <= times.max_expires:
            self._wrong("`registrar`: min_expires, default_expires, max_expires must ascend", "", "registrar")

        if self._sound(("registrar", "qualify")) and 0 < times.qualify < LEAST_QUALIFY_S:
            hint = f"write {LEAST_QUALIFY_S:.0f}s or more, or 0s to ask never"
            self._wrong("`qualify`: telephones would be asked too often", hint, "registrar", "qualify")

        timer = settings.calls.session_timer
        keys = [("calls", "session_timer", key) for key in ("interval", "minimum")]
        if self._sound(*keys) and timer.minimum > timer.interval:
            hint = "make `interval` as long, or `minimum` shorter"
            self._wrong("`session_timer`: the minimum is longer than the interval", hint, "calls", "session_timer")

        ban = settings.guard.ban
        if self._sound(*(("guard", "ban", key) for key in ("time", "longest"))) and ban.longest < ban.time:
            self._wrong("`ban`: `longest` is shorter than `time`", "the first ban lasts for `time`", "guard", "ban")

    def _sound(self, *paths: tuple[str | int, ...]) -> bool:
        return all(self._loaded.sound(*path) for path in paths)

    def _known(self, what: str, names: Iterable[str], *path: str | int) -> None:
        seen = set()
        for at, name in enumerate(names):
            if not self._sound((*path, at)):
                continue
            if self._loaded.absent(f"{what}s", name):
                self._wrong(f"there is no {what} `{name}`", self._hint(what, name), *path, at)
            elif name in seen:
                self._wrong(f"{what} `{name}` is named twice", "", *path, at)
            seen.add(name)

    def _hint(self, what: str, name: str) -> str:
        known = getattr(self._settings, f"{what}s")
        self._comparisons -= len(known)
        if self._comparisons < 0:
            return ""
        return (self._by_number(name) if what == "line" else "") or did_you_mean(name, known)

    def _by_number(self, name: str) -> str:
        """People know their telephones by number, so a number may stand where a line's name belongs."""
        owner = next((line for line, each in self._settings.lines.items() if each.extension == name), None)
        return f"{name} is `{owner}`" if owner is not None else ""

    def _numbers(self) -> None:
        """An internal number is one thing only. (Two lines that share it would ring by chance; a ring list says so.)

        It is said where the number stands for the second time, by file and line.
        """
        settings = self._settings
        uses: dict[str, list[tuple[Mark, str]]] = {}
        for section, what in (("services", "a service"), ("extensions", "a ring list")):
            for number in getattr(settings, section):
                if not self._sound((section, KEY, number)):
                    continue
                uses.setdefault(number, []).append((self._loaded.key_mark(section, number), what))
        for name, line in settings.lines.items():
            if line.extension is not None:
                mark = self._loaded.mark("lines", name, "extension")
                uses.setdefault(line.extension, []).append((mark, f"the extension of `{name}`"))
        for number, found in uses.items():
            first, *others = sorted(found, key=lambda use: (use[0].file, use[0].line, use[0].column))
            for mark, what in others:
                both_lines = what.startswith("the extension") and first[1].startswith("the extension")
                hint = "for several lines under one number use `extensions:`" if both_lines else ""
                self.problems.append(Problem(mark, f"{number} is already {first[1]}", hint or _at_line(mark, first[0])))

    def _users(self) -> None:
        users: dict[str, str] = {}
        for name, device in self._settings.devices.items():
            if not self._sound(("devices", name, "username"), ("devices", KEY, name)):
                continue
            user = device.username or name
            first = users.setdefault(user, name)
            if first != name:
                path = ("devices", name, "username") if device.username else ("devices", name)
                self._wrong(f"digest user name `{user}` is that of device `{first}` already", "", *path)

    def _sockets(self) -> None:
        seen = set()
        for at, each in enumerate(self._settings.listen):
            socket = ("udp" if each.transport == "udp" else "tcp", each.address, each.socket_port)
            if not self._sound(*(("listen", at, key) for key in ("transport", "address", "port"))):
                continue
            if socket in seen:
                self._wrong(
                    f"{each.transport} {each.address} port {each.socket_port} is listened on twice", "", "listen", at
                )
            seen.add(socket)
        media = self._settings.media
        for key, found in (("address", media.address), ("advertise", media.advertise)):
            if self._sound(("media", key)) and len({":" in each for each in found}) < len(found):
                self._wrong(f"`{key}`: two of one family", "one of IPv4 and one of IPv6 at the most", "media", key)
        if (
            self._sound(("media", "ports"), ("media", "workers"))
            and media.ports[1] - media.ports[0] + 1 < 4 * media.workers
        ):
            self._wrong("`ports`: too few for that many workers", "at least four each", "media", "ports")

    def _areas(self) -> None:
        settings = self._settings
        if self._sound(("country",)):
            self._area(settings.area_code, settings.country, "area_code")
        for name, line in settings.lines.items():
            if self._sound(("lines", name, "country")) and (line.country or self._sound(("country",))):
                self._area(line.area_code, line.country or settings.country, "lines", name, "area_code")

    def _area(self, area: str | None, country: str, *path: str) -> None:
        if area is None:
            return
        if not has_area_codes(country):
            self._wrong(f"`area_code`: {country} has no area codes", "leave it out", *path)
            return
        hint = why_not(area_of(area, country), country)
        if hint:
            self._wrong(f"`area_code`: not possible in {country}", hint, *path)

    def secret(self, secret: Secret | None, *path: str | int) -> str:
        if secret is None:
            return ""
        try:
            return resolve(secret, self._loaded.folder, self._environ)
        except Wrong as wrong:
            self._wrong(f"`{path[-1]}`: {wrong.message}", wrong.hint, *path)
            return ""

    def records_url(self) -> str:
        """Where the records are to be; empty: in the data folder."""
        url = self.secret(self._settings.records.url, "records", "url")
        if url and not url.startswith(("postgresql:", "postgresql+asyncpg:", "postgres:", "sqlite:")):
            hint = "postgresql://USER:PASSWORD@HOST/NAME; left out: SQLite in the data folder"
            self._wrong("`url`: records are kept in PostgreSQL or SQLite", hint, "records", "url")
        return url


def _at_line(mark: Mark, first: Mark) -> str:
    return f"at line {first.line}" if first.file == mark.file else f"at {first.file}:{first.line}"
