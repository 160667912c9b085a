"""From a validated configuration to the values that the exchange runs on.

What needs the whole picture is checked here: names that refer to something, numbers that are used twice, secrets that
can be read. As everywhere in this room, all errors come together, each with file, line and column.

`python -P -m config.compile PATH` is how a running exchange compiles, in a process of its own: the compiled bytes on
standard output and status 0, or the problems as JSON and status 1.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from config import lint, schema, validate
from config.compiled import (
    CallSettings,
    Compiled,
    DeviceCredentials,
    GuardSettings,
    ListenerSettings,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    RecordSettings,
    RegistrarSettings,
    TrunkSettings,
    encode,
)
from config.problems import ConfigError, Mark, Problem, Wrong, did_you_mean
from config.secrets import resolve
from config.types import Secret
from config.validate import Loaded
from dialplan.countries import COUNTRIES, emergency_numbers, has_area_codes
from dialplan.model import (
    Device,
    Emergency,
    Line,
    Model,
    Origin,
    Profile,
    RingList,
    Service,
    TrunkRule,
    versioned,
)


def compile(path: Path, environ: Mapping[str, str] = os.environ) -> Compiled:  # noqa: A001
    """Read, validate, compile and lint a file or a folder. Raises ConfigError with all problems of the first stage that
    has any; warnings are in the result."""
    return compile_loaded(validate.load(path), str(path), environ)


def compile_loaded(loaded: Loaded, source: str, environ: Mapping[str, str] = os.environ) -> Compiled:
    """The same from a configuration that is read already."""
    work = _Work(loaded, environ)
    work.check()
    settings = loaded.settings
    devices = tuple(work.credentials(name, device) for name, device in settings.devices.items())
    trunks = tuple(_trunk(name, trunk) for name, trunk in settings.trunks.items())
    records = RecordSettings(url=work.secret(settings.records.url, "records", "url"))
    if work.problems:
        raise ConfigError(work.problems)
    compiled = Compiled(
        version="",
        source=source,
        model=_model(loaded),
        listeners=tuple(
            ListenerSettings(
                transport=each.transport, address=each.address, port=each.port, advertise=each.advertise or ""
            )
            for each in settings.listen
        ),
        devices=devices,
        trunks=trunks,
        media=_media(settings.media),
        registrar=_registrar(settings.registrar),
        calls=CallSettings(unreachable_s=settings.calls.unreachable),
        guard=_guard(settings.guard),
        metrics=MetricsSettings(
            enabled=settings.metrics.enabled, address=settings.metrics.address, port=settings.metrics.port
        ),
        log=LogSettings(level=settings.log.level, json={"json": True, "text": False}.get(settings.log.format)),
        records=records,
        warnings=tuple(lint.warnings(loaded)),
    )
    return msgspec.structs.replace(compiled, version=_version(compiled))


def _version(compiled: Compiled) -> str:
    """A hash of all that takes effect, so that `check` of a copy says the version which the running exchange says; not
    of where the files lie, what else stands in them, and what was warned of."""
    model = msgspec.structs.replace(compiled.model, origins={})
    effective = msgspec.structs.replace(compiled, source="", model=model, warnings=())
    return hashlib.blake2b(encode(effective), digest_size=8).hexdigest()


class _Work:
    """Collects the problems of one compilation."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._environ = environ
        self.problems: list[Problem] = []

    def _wrong(self, message: str, hint: str, *path: str | int, key: bool = False) -> None:
        mark = self._loaded.key_mark(*path) if key else self._loaded.mark(*path)
        self.problems.append(Problem(mark, message, hint))

    def check(self) -> None:
        settings = self._settings
        for name, device in settings.devices.items():
            self._known("line", device.lines, settings.lines, "devices", name, "lines")
        for number, ring_list in settings.extensions.items():
            self._known("line", ring_list.lines, settings.lines, "extensions", number, "lines")
        for number, lines in settings.dids.items():
            self._known("line", lines, settings.lines, "dids", number)
        self._known("trunk", settings.emergency.trunks, settings.trunks, "emergency", "trunks")
        if settings.default_trunk is not None:
            self._known("trunk", [settings.default_trunk], settings.trunks, "default_trunk")
        self._numbers()
        self._users()
        self._sources()
        self._sockets()
        self._areas()
        times = settings.registrar
        if not times.min_expires <= times.default_expires <= times.max_expires:
            self._wrong("`registrar`: min_expires, default_expires, max_expires must ascend", "", "registrar")

    def _known(self, what: str, names: Iterable[str], known: Iterable[str], *path: str | int) -> None:
        seen = set()
        for at, name in enumerate(names):
            if name not in known:
                hint = self._by_number(name) if what == "line" else ""
                self._wrong(f"there is no {what} `{name}`", hint or did_you_mean(name, known), *path, at)
            elif name in seen:
                self._wrong(f"{what} `{name}` is named twice", "", *path, at)
            seen.add(name)

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
            user = device.username or name
            first = users.setdefault(user, name)
            if first != name:
                path = ("devices", name, "username") if device.username else ("devices", name)
                self._wrong(f"digest user name `{user}` is that of device `{first}` already", "", *path)

    def _sources(self) -> None:
        sources: dict[str, str] = {}
        for name in self._settings.trunks:
            for at, source in enumerate(_sources(self._settings.trunks[name])):
                first = sources.setdefault(source, name)
                if first != name:
                    path = ("from", at) if self._settings.trunks[name].source else ("host",)
                    self._wrong(f"{source} is recognised as trunk `{first}` already", "", "trunks", name, *path)

    def _sockets(self) -> None:
        seen = set()
        for at, each in enumerate(self._settings.listen):
            socket = (each.transport, each.address, each.port)
            if socket in seen:
                self._wrong(f"{each.transport} {each.address} port {each.port} is listened on twice", "", "listen", at)
            seen.add(socket)
        media = self._settings.media
        if media.ports[1] - media.ports[0] + 1 < 4 * media.workers:
            self._wrong("`ports`: too few for that many workers", "at least four each", "media", "ports")

    def _areas(self) -> None:
        settings = self._settings
        self._area(settings.area_code, settings.country, "area_code")
        for name, line in settings.lines.items():
            self._area(line.area_code, line.country or settings.country, "lines", name, "area_code")

    def _area(self, area: str | None, country: str, *path: str) -> None:
        if area is None:
            return
        if not has_area_codes(country):
            self._wrong(f"`area_code`: {country} has no area codes", "leave it out", *path)
        elif country in ("US", "CA") and (len(area) != 3 or area[0] in "01"):
            self._wrong(f"`area_code`: not possible in {country}", "three digits, the first from 2 to 9", *path)
        elif area != "0" and not _area_of(area, country):
            self._wrong(f"`area_code`: not possible in {country}", "", *path)

    def secret(self, secret: Secret | None, *path: str | int) -> str:
        if secret is None:
            return ""
        try:
            return resolve(secret, self._loaded.folder, self._environ)
        except Wrong as wrong:
            self._wrong(f"`{path[-1]}`: {wrong.message}", wrong.hint, *path)
            return ""

    def credentials(self, name: str, device: schema.Device) -> DeviceCredentials:
        user = device.username or name
        secret = self.secret(device.secret, "devices", name, "secret")
        text = f"{user}:{self._settings.registrar.realm}:{secret}".encode()
        return DeviceCredentials(
            device=name,
            user=user,
            lines=tuple(device.lines),
            # MD5 is what most desk telephones still speak (RFC 3261); SHA-256 is offered first (RFC 8760).
            ha1_md5=hashlib.md5(text, usedforsecurity=False).hexdigest(),
            ha1_sha256=hashlib.sha256(text).hexdigest(),
            name=device.name,
        )


def _at_line(mark: Mark, first: Mark) -> str:
    return f"at line {first.line}" if first.file == mark.file else f"at {first.file}:{first.line}"


def _trunk(name: str, trunk: schema.Trunk) -> TrunkSettings:
    return TrunkSettings(
        id=name, host=trunk.host, port=trunk.port, transport=trunk.transport, sources=tuple(_sources(trunk))
    )


def _sources(trunk: schema.Trunk) -> list[str]:
    if trunk.source:
        return trunk.source
    return [trunk.host] if trunk.host.replace(".", "").isdecimal() or ":" in trunk.host else []


def _area_of(area: str, country: str) -> str:
    """Without its trunk prefix (K.3: typed with it, it is accepted and stripped)."""
    row = COUNTRIES.get(country)
    return area.removeprefix(row.trunk) if row is not None and row.trunk == "0" else area


def _media(media: schema.Media) -> MediaSettings:
    return MediaSettings(
        address=media.address,
        advertise=media.advertise or "",
        first_port=media.ports[0],
        last_port=media.ports[1],
        workers=media.workers,
        silence_s=media.silence,
        rest_s=media.rest,
    )


def _registrar(registrar: schema.Registrar) -> RegistrarSettings:
    return RegistrarSettings(
        realm=registrar.realm,
        algorithms=tuple(dict.fromkeys(each.upper() for each in registrar.algorithms)),
        default_expires_s=int(registrar.default_expires),
        min_expires_s=int(registrar.min_expires),
        max_expires_s=int(registrar.max_expires),
        max_contacts=registrar.contacts,
        nonce_life_s=registrar.nonce_lifetime,
    )


def _guard(guard: schema.Guard) -> GuardSettings:
    return GuardSettings(
        max_message=guard.max_message,
        rate=guard.rate,
        burst=guard.burst,
        connections=guard.connections,
        connections_per_source=guard.connections_per_source,
    )


# The dialplan's model


def _model(loaded: Loaded) -> Model:
    settings = loaded.settings
    lines = {name: _line(settings, name, line) for name, line in settings.lines.items()}
    extensions = {line.extension: RingList(lines=(name,)) for name, line in lines.items() if line.extension}
    extensions |= {
        number: RingList(lines=tuple(each.lines), ring_s=each.ring or 0.0)
        for number, each in settings.extensions.items()
    }
    devices = {
        name: Device(id=name, lines=tuple(each.lines), country=each.country or settings.country)
        for name, each in settings.devices.items()
    }
    model = Model(
        profile=Profile(settings.country, _area_of(settings.area_code or "", settings.country)),
        lines=lines,
        devices=devices,
        extensions=extensions,
        services={number: Service(number=number, source=sound) for number, sound in settings.services.items()},
        dids={number: RingList(lines=tuple(names)) for number, names in settings.dids.items()},
        trunks={
            name: TrunkRule(
                id=name,
                plus=each.numbers == "e164",
                extensions=each.extensions,
                profile=Profile(each.country or settings.country),
            )
            for name, each in settings.trunks.items()
        },
        default_trunk=settings.default_trunk,
        outside_prefix=settings.outside_prefix or "",
        emergency=_emergency(settings, lines, devices),
        origins=_origins(loaded),
    )
    return versioned(model)


def _line(settings: schema.Configuration, name: str, line: schema.Line) -> Line:
    country = line.country or settings.country
    # Another country's area code is nobody's default.
    area = line.area_code or (settings.area_code if country == settings.country else None) or ""
    return Line(
        id=name,
        extension=line.extension or "",
        name=line.name,
        ring_s=line.ring,
        profile=Profile(country, _area_of(area, country)),
    )


def _emergency(settings: schema.Configuration, lines: dict[str, Line], devices: dict[str, Device]) -> Emergency:
    countries = {settings.country} | {each.profile.country for each in lines.values()}
    countries |= {each.country for each in devices.values()}
    first = [*settings.emergency.trunks, *([settings.default_trunk] if settings.default_trunk else [])]
    return Emergency(
        numbers={c: emergency_numbers(c) | set(settings.emergency.extra) for c in sorted(countries)},
        trunks=tuple(dict.fromkeys([*first, *settings.trunks])),
    )


def _origins(loaded: Loaded) -> dict[str, Origin]:
    """Where each rule stands that the planner can name in its `because`."""
    settings = loaded.settings
    found: dict[str, tuple[tuple[str | int, ...], str]] = {}
    for name, line in settings.lines.items():
        if line.extension:
            found[f"extension:{line.extension}"] = (("lines", name), f"line {name}")
    found |= {f"extension:{n}": (("extensions", n), each.name) for n, each in settings.extensions.items()}
    found |= {f"device:{name}": (("devices", name), each.name) for name, each in settings.devices.items()}
    found |= {f"service:{number}": (("services", number), "") for number in settings.services}
    found |= {f"did:{number}": (("dids", number), "") for number in settings.dids}
    found |= {f"trunk:{name}": (("trunks", name), "") for name in settings.trunks}
    found["emergency"] = (("emergency",), "")
    found["default_trunk"] = (("default_trunk",), "")
    origins = {}
    for rule, (path, text) in found.items():
        written = path[0] in loaded.tree.entries
        mark = loaded.key_mark(*path)
        origins[rule] = Origin(mark.file, mark.line if written else 0, text)
    return origins


def main(argv: list[str]) -> int:
    """`python -P -m config.compile PATH`."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -P -m config.compile PATH\n")
        return 2
    try:
        output, status = encode(compile(Path(argv[0]))), 0
    except ConfigError as error:
        output, status = msgspec.json.encode(error.problems), 1
    sys.stdout.buffer.write(output)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
