"""From a validated configuration to the values that the exchange runs on.

`fitting.py` checks what needs the whole picture, also when an earlier stage found errors: all errors come together,
each with file, line and column.

`python -P -m config.compile PATH` is how a running exchange compiles, in a process of its own: the compiled bytes on
standard output and status 0, or the problems as JSON and status 1.
"""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from config import compile_called as called
from config import compile_people as people
from config import lint, lint_emergency, lint_mailbox, schema, testing, validate
from config.addresses import local_networks, sound_told, written
from config.compile_emergency import emergency_table, mail
from config.compile_hours import hours_model
from config.compile_mailboxes import mailboxes
from config.compile_routes import Outbound, outbound
from config.compile_trunk import effective, trunk_settings
from config.compiled import (
    BanSettings,
    CallSettings,
    CertificateSettings,
    Compiled,
    DeviceCredentials,
    GuardSettings,
    ListenerSettings,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    PromptSettings,
    RecordingSettings,
    RecordSettings,
    RegistrarSettings,
    account_code_password,
    conference_pins,
)
from config.fitting import Fitting
from config.inherit import Levels
from config.origins import origins
from config.packed import encode
from config.problems import ConfigError
from config.schema_calls import Calls
from config.schema_guard import Guard
from config.schema_listener import Listener
from config.schema_people import Device as DeviceSection
from config.schema_recordings import Recordings
from config.validate import Loaded
from dialplan.areas import area_of
from dialplan.lines import Profile
from dialplan.model import Model, Service, TrunkRule, placeless, versioned


def compile(path: Path, environ: Mapping[str, str] = os.environ) -> Compiled:  # noqa: A001
    """Read, validate, compile and lint a file or a folder. Raises ConfigError with all problems; warnings are in the
    result."""
    return compile_loaded(validate.load(path), str(path), environ)


def compile_loaded(
    loaded: Loaded, source: str, environ: Mapping[str, str] = os.environ, *, tested: bool = True
) -> Compiled:
    """The same from a configuration that is read already. `tested`: a test of the operator's that is red is an error,
    too."""
    work = Fitting(loaded, environ)
    work.check()
    settings = loaded.settings
    devices = tuple(
        _credentials(name, each, settings.registrar.realm, work.secret(each.secret, "devices", name, "secret"))
        for name, each in settings.devices.items()
    )
    trunks = tuple(
        trunk_settings(name, each, settings.country, work.secret(each.secret, "trunks", name, "secret"))
        for name, each in settings.trunks.items()
    )
    codes = tuple(
        account_code_password(code, work.secret(each.password, "account_codes", code, "password"))
        for code, each in settings.account_codes.items()
        if each.password is not None
    )
    pins = tuple(
        conference_pins(name, *work.pins(name, each))
        for name, each in settings.conferences.items()
        if each.pin is not None or each.chair_pin is not None
    )
    kept = settings.records
    records = RecordSettings(
        url=work.records_url(),
        journal_max=kept.journal_max,
        keep_s=kept.keep,
        emergency_keep_s=kept.emergency_keep,
        mask=kept.mask,
    )
    post = mail(settings.mail, work.secret(settings.mail.secret, "mail", "secret")) if settings.mail else None
    routing = outbound(loaded)
    if loaded.problems or work.problems or routing.problems:
        raise ConfigError([*loaded.problems, *work.problems, *routing.problems])
    model = _model(loaded, work.levels, routing)
    boxes = mailboxes(settings, work.levels)
    compiled = Compiled(
        version="",
        source=source,
        model=model,
        listeners=tuple(_listener(each, optional="listen" not in loaded.tree.entries) for each in settings.listen),
        devices=devices,
        trunks=trunks,
        media=_media(settings, usual=not written(loaded, "media", "address")),
        registrar=_registrar(settings.registrar),
        calls=_calls(settings.calls),
        guard=_guard(settings.guard),
        metrics=MetricsSettings(
            enabled=settings.metrics.enabled, address=settings.metrics.address, port=settings.metrics.port
        ),
        log=LogSettings(level=settings.log.level, json={"json": True, "text": False}.get(settings.log.format)),
        records=records,
        account_codes=codes,
        conferences=pins,
        mail=post,
        mailboxes=boxes,
        recordings=_recordings(settings.recordings),
        prompts=PromptSettings(
            folder=settings.prompts.folder or "", language=settings.prompts.language, voice=settings.prompts.voice
        ),
        domains=_domains(settings),
        warnings=(
            *lint.warnings(loaded, work.levels, routing.routes),
            *lint_emergency.warnings(loaded, model.emergency),
            *lint_mailbox.warnings(loaded, work.levels, boxes),
        ),
    )
    if tested and settings.tests:
        errors, warnings = testing.check(loaded, compiled.model)
        if errors:
            raise ConfigError(errors)
        compiled = msgspec.structs.replace(compiled, warnings=(*compiled.warnings, *warnings))
    return msgspec.structs.replace(compiled, version=_version(compiled))


def model_of(loaded: Loaded) -> Model:
    """The dialplan alone, for those who ask what calls do: secrets are not needed, operators' tests are not run. Raises
    ConfigError for whatever else is wrong."""
    work = Fitting(loaded, None)
    work.check()
    routing = outbound(loaded)
    if loaded.problems or work.problems or routing.problems:
        raise ConfigError([*loaded.problems, *work.problems, *routing.problems])
    return _model(loaded, work.levels, routing)


def _domains(settings: schema.Configuration) -> tuple[str, ...]:
    """What the operator lists, and the names under which listeners are known outside; nothing where none is listed."""
    if not settings.domains:
        return ()
    told = [each.advertise for each in settings.listen if each.advertise]
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in [*settings.domains, *told]))


def _recordings(each: Recordings) -> RecordingSettings:
    return RecordingSettings(
        folder=each.folder or "",
        keep_days=each.keep_days,
        keep_spools=each.keep_spools,
        emergency=each.emergency,
        longest_s=each.longest,
    )


def _calls(calls: Calls) -> CallSettings:
    timer = calls.session_timer
    return CallSettings(
        unreachable_s=calls.unreachable,
        session_s=round(timer.interval) if timer.enabled else 0,
        least_session_s=round(timer.minimum),
        warn_by=calls.limit_warning.by,
        warn_to=calls.limit_warning.to,
        announcements=calls.announcements,
        drain_s=calls.drain,
    )


def _version(compiled: Compiled) -> str:
    """A hash of all that takes effect, so that `check` of a copy says the version which the running exchange says; not
    of where the files lie, what else stands in them, and what was warned of."""
    effective = msgspec.structs.replace(compiled, source="", model=placeless(compiled.model), warnings=())
    return hashlib.blake2b(encode(effective), digest_size=8).hexdigest()


def _listener(listener: Listener, *, optional: bool) -> ListenerSettings:
    return ListenerSettings(
        transport=listener.transport,
        address=listener.address,
        port=listener.socket_port,
        advertise=listener.advertise or "",
        certificates=tuple(
            CertificateSettings(certificate=certificate, key=key) for certificate, key, _ in listener.pairs
        ),
        client_ca=listener.client_ca or "",
        client_required=listener.client_required,
        local_networks=local_networks(listener.local_networks),
        dscp=listener.dscp,
        optional=optional and ":" in listener.address,
    )


def _credentials(name: str, device: DeviceSection, realm: str, secret: str) -> DeviceCredentials:
    user = device.username or name
    text = f"{user}:{realm}:{secret}".encode()
    return DeviceCredentials(
        device=name,
        user=user,
        lines=tuple(device.lines),
        # MD5 is what most desk telephones still speak (RFC 3261); SHA-256 is offered first (RFC 8760).
        ha1_md5=hashlib.md5(text, usedforsecurity=False).hexdigest(),
        ha1_sha256=hashlib.sha256(text).hexdigest(),
        name=device.name,
        unasked=device.message_lamp == "unasked",
        srtp=device.srtp,
    )


def _media(settings: schema.Configuration, *, usual: bool) -> MediaSettings:
    media = settings.media
    told, networks = sound_told(settings)
    return MediaSettings(
        addresses=tuple(media.address),
        advertise=told,
        local_networks=networks,
        dscp=media.dscp,
        optional=tuple(each for each in media.address if usual and ":" in each),
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
        qualify_s=registrar.qualify,
    )


def _guard(guard: Guard) -> GuardSettings:
    return GuardSettings(
        max_message=guard.max_message,
        rate=guard.rate,
        burst=guard.burst,
        connections=guard.connections,
        connections_per_source=guard.connections_per_source,
        allow=tuple(guard.allow),
        hidden=guard.hidden,
        ban=BanSettings(
            failures=guard.ban.failures,
            window_s=guard.ban.window,
            time_s=guard.ban.time,
            longest_s=max(guard.ban.longest, guard.ban.time),
            dry_run=guard.ban.dry_run,
        ),
    )


# The dialplan's model


def _model(loaded: Loaded, levels: Levels, routing: Outbound) -> Model:
    settings = loaded.settings
    lines = people.lines(settings, levels)
    devices = people.devices(settings, levels, lines)
    model = Model(
        profile=Profile(settings.country, area_of(settings.area_code or "", settings.country)),
        lines=lines,
        devices=devices,
        extensions=called.extensions(settings),
        services={number: Service(number=number, source=sound) for number, sound in settings.services.items()},
        dids=called.dids(settings),
        claimed=frozenset(settings.dids),
        ring_groups=called.ring_groups(settings, levels),
        attendants=called.attendants(settings, levels),
        queues=called.queues(settings, levels),
        mailboxes=people.mailboxes(settings, lines),
        conferences=called.conferences(settings),
        park_lots=called.park_lots(settings),
        sites=people.sites(settings),
        features=dict(settings.features),
        call_keys=dict(settings.call_keys),
        accounts=called.account_codes(settings),
        serves=people.serves(lines),
        quotas=people.total_quotas(settings.account.total_quotas, len(lines)),
        trunks={
            name: TrunkRule(
                id=name,
                numbers_in=each.numbers_in,
                caller_id=each.caller_id or "",
                extensions=each.extensions,
                foreign_callers=each.foreign_callers,
                profile=Profile(each.country or settings.country),
            )
            for name, each in ((name, effective(trunk)) for name, trunk in settings.trunks.items())
        },
        routes=routing.routes,
        rates=routing.rates,
        default_trunk=settings.default_trunk,
        outside_prefix=settings.outside_prefix or "",
        emergency=emergency_table(settings, levels, lines, devices),
        hours=hours_model(settings),
        origins=origins(loaded, levels),
    )
    return versioned(model)


def main(argv: list[str]) -> int:
    """`python -P -m config.compile PATH`."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -P -m config.compile PATH\n")
        return 2
    # All that is made here is held to the end, which is near: there is nothing to be collected.
    gc.disable()
    try:
        output, status = encode(compile(Path(argv[0]))), 0
    except ConfigError as error:
        output, status = msgspec.json.encode(error.problems), 1
    sys.stdout.buffer.write(output)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
