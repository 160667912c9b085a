"""From users and lines, and what holds for them, to the dialplan's lines; from devices to theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.inherit import Effective, Levels
from config.schema import Configuration
from config.schema_people import Delegate, Line, TotalQuotas, User, Vip
from dialplan import lines as model
from dialplan.areas import area_of
from dialplan.destinations import NOWHERE, Destination
from dialplan.facts import Condition
from dialplan.groups import Mailbox, Site
from dialplan.model import Device

FILES_OWN = "default"


def lines(settings: Configuration, levels: Levels) -> dict[str, model.Line]:
    """Every line of the model by its name: users first."""
    made = {name: _line(name, each, levels) for name, each in settings.users.items()}
    return made | {name: _line(name, each, levels) for name, each in settings.lines.items()}


def _line(name: str, each: User | Line, levels: Levels) -> model.Line:
    found = levels.of(name)
    get = found.get
    site, group = levels.site_of(name), (each.group or "") if isinstance(each, User) else ""
    country, area = levels.place_of(name)
    user = each if isinstance(each, User) else None
    return model.Line(
        id=name,
        extension=each.extension or "",
        name=each.name,
        ring_s=get("ring"),
        profile=model.Profile(country, area_of(area, country)),
        caller_id=get("caller_id"),
        site=site,
        group=group,
        common=user is None,
        time_zone=get("time_zone") or "UTC",
        hours=get("hours"),
        closed=destination(get("closed")),
        forwards=_forwards(found),
        mailbox=name if get("voicemail") else "",
        call_waiting=get("call_waiting"),
        calls=get("calls"),
        delegates=tuple(map(_delegate, user.delegates)) if user is not None else (),
        vip=_vip(user.vip) if user is not None and user.vip is not None else None,
        outside=_outside(found),
        policy=_policy(name, found),
        set_up=user is None or user.set_up,
        listed=get("listed"),
        busy_lamp=model.BusyLamp(get("busy_lamp")),
        billable=get("billable"),
    )


def destination(value: Any) -> Destination | None:
    """`none` is nowhere, which at this place means the same as nothing."""
    return None if value == NOWHERE else value


def _forwards(found: Effective) -> model.Forwards:
    get = found.get
    return model.Forwards(
        busy=destination(get("forward.busy")),
        no_answer=destination(get("forward.no_answer")),
        outage=destination(get("forward.outage")),
        always=destination(get("forward.always")),
        after_s=get("forward.after"),
        locked=frozenset(each for each in Condition if f"forward.{each.value}" in found.locks),
        after_locked="forward.after" in found.locks,
    )


def _outside(found: Effective) -> model.Outside:
    get = found.get
    return model.Outside(
        permission=get("permission"),
        allow=tuple(get("allow")),
        domestic_regions=frozenset(get("domestic_regions")),
        quotas=model.Quotas(
            calls=get("quotas.calls"),
            minutes_hour=get("quotas.minutes_hour"),
            minutes_day=get("quotas.minutes_day"),
            cost_hour=get("quotas.cost_hour"),
            cost_day=get("quotas.cost_day"),
        ),
        hide_caller_id=get("hide_caller_id"),
        account_code=get("account_code"),
    )


def _policy(name: str, found: Effective) -> model.Policy:
    get = found.get
    music = get("hold_music")
    return model.Policy(
        owner=name,
        limit_s=get("call_limit"),
        record=frozenset(get("record.automatic")),
        on_demand=get("record.on_demand"),
        announce=model.Announce(get("record.announce")),
        hold_music="" if music in (None, FILES_OWN) else music,
    )


def _delegate(each: Delegate) -> model.Delegate:
    return model.Delegate(
        line=each.user,
        place="place" in each.privileges,
        answer="answer" in each.privileges,
        pickup="pickup" in each.privileges,
        monitor="monitor" in each.privileges,
        hours=each.hours,
        pending=each.pending,
    )


def _vip(each: Vip) -> model.Vip:
    return model.Vip(
        contacts=frozenset(each.contacts),
        then_delegates=each.unanswered == "delegates",
        others=model.Others(each.others),
        stage_s=each.stage,
        attested=each.attestation,
        delegates_are_vip=each.delegates_are_vip,
        after_hours=each.after_hours,
    )


def serves(made: Mapping[str, model.Line]) -> dict[str, tuple[str, ...]]:
    """For each delegate's line those of its delegators."""
    found: dict[str, list[str]] = {}
    for name, line in made.items():
        for each in line.delegates:
            found.setdefault(each.line, []).append(name)
    return {name: tuple(each) for name, each in found.items()}


def devices(settings: Configuration, levels: Levels, made: Mapping[str, model.Line]) -> dict[str, Device]:
    """The telephones. Each stands where it says, else where its site is, which is that of its first line."""
    found = {}
    for name, each in settings.devices.items():
        first = made.get(each.lines[0]) if each.lines else None
        site = each.site or (first.site if first is not None else "")
        country = each.country or levels.shared(site).get("country") or settings.country
        found[name] = Device(id=name, lines=tuple(each.lines), country=country, site=site)
    return found


def mailboxes(settings: Configuration, made: Mapping[str, model.Line]) -> dict[str, Mailbox]:
    """Those of users and lines, and the others."""
    own = {name: Mailbox(id=name, name=line.name) for name, line in made.items() if line.mailbox}
    return own | {
        name: Mailbox(id=name, name=each.name, extension=each.extension or "")
        for name, each in settings.mailboxes.items()
    }


def sites(settings: Configuration) -> dict[str, Site]:
    """The places."""
    return {
        name: Site(id=name, name=each.name, operator=destination(each.operator))
        for name, each in settings.sites.items()
    }


def total_quotas(written: TotalQuotas, count: int) -> model.Quotas:
    """The account's. What was not written grows with the number of lines: it is for each hundred begun."""
    times = -(-max(count, 1) // 100)

    def value(key: str) -> int:
        number: int = getattr(written, key)
        return number if key in written.model_fields_set else number * times

    return model.Quotas(**{key: value(key) for key in TotalQuotas.model_fields})
