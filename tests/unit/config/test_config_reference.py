"""The reference: an example for each key of the dialplan, and the word about when a change is in force kept true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from config import loader, validate
from config.compile import compile_loaded
from config.compiled import Compiled
from config.effects import EFFECTS, Effect, effect
from config.entries import fields
from config.loader import Mapping, Node, Scalar
from config.loader import Sequence as Items
from config.reference import DIALPLAN, SHARED
from config.schema import Configuration
from config.schema_settings import Placed
from dialplan.codes import FEATURES
from switch.configuration import needs_restart

ROOT = Path(__file__).parents[3]


def inner(kind: Any) -> type[BaseModel] | None:
    """The section behind a kind of value: itself, in a list, or by name."""
    seen = [kind.bare]
    while seen:
        each = seen.pop()
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
        seen.extend(getattr(each, "__args__", ()))
    return None


def owner(model: type[BaseModel], key: str) -> str:
    """The section that a key is written down in: what several share needs one example, at whichever of them."""
    attribute = fields(model)[key].name
    return next(each.__name__ for each in reversed(model.__mro__) if attribute in getattr(each, "__annotations__", ()))


def used(node: Node, model: type[BaseModel], found: set[tuple[str, str]]) -> None:
    """Every (section, key) that stands in a tree."""
    if isinstance(node, Items):
        for item in node.items:
            used(item, model, found)
    if isinstance(node, Scalar) and getattr(model, "shorthand", ""):
        found.add((model.__name__, model.shorthand))  # type: ignore[attr-defined]
    if not isinstance(node, Mapping):
        return
    known = fields(model)
    for key, entry in node.entries.items():
        if key not in known:
            continue
        found.add((owner(model, key), key))
        below = inner(known[key].kind)
        if below is None:
            continue
        named = getattr(known[key].kind.bare, "__origin__", None) is dict
        each = entry.node.entries.values() if named and isinstance(entry.node, Mapping) else [entry]
        for one in each:
            used(one.node, below, found)


def test_every_key_of_the_dialplan_has_an_example() -> None:
    found: set[tuple[str, str]] = set()
    for text in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/dialplan.md").read_text(), re.DOTALL | re.MULTILINE):
        used(loader.read(text, "x").tree, Configuration, found)
    wanted: set[tuple[str, str]] = set()
    top = fields(Configuration)
    for section in DIALPLAN:
        wanted.add(("Configuration", section))
        models = [inner(top[section].kind)]
        while models:
            model = models.pop()
            if model is None:
                continue
            for key, field in fields(model).items():
                wanted.add((owner(model, key), key))
                models.append(inner(field.kind))
    assert wanted - found == set()


CASES = {
    "listen.transport": ("listen: [{transport: udp}]", "listen: [{transport: tcp}]"),
    "listen.address": ("listen: [{address: 192.0.2.1}]", "listen: [{address: 192.0.2.2}]"),
    "listen.port": ("listen: [{port: 5060}]", "listen: [{port: 5070}]"),
    "listen.advertise": ("listen: [{port: 5060}]", "listen: [{port: 5060, advertise: 192.0.2.1}]"),
    "listen.local_networks": (
        "listen: [{advertise: 192.0.2.1}]",
        "listen: [{advertise: 192.0.2.1, local_networks: 192.168.0.0/16}]",
    ),
    "listen.dscp": ("listen: [{dscp: 24}]", "listen: [{dscp: 26}]"),
    "media.address": ("", "media: {address: 192.0.2.1}"),
    "media.advertise": ("", "media: {advertise: 192.0.2.1}"),
    "media.local_networks": (
        "media: {advertise: 192.0.2.1}",
        "media: {advertise: 192.0.2.1, local_networks: 10.0.0.0/8}",
    ),
    "media.dscp": ("", "media: {dscp: 0}"),
    "media.ports": ("", "media: {ports: 30000-30999}"),
    "media.workers": ("", "media: {workers: 2}"),
    "media.silence": ("", "media: {silence: 0s}"),
    "media.rest": ("", "media: {rest: 1s}"),
    "registrar.realm": ("", "registrar: {realm: example.com}"),
    "registrar.default_expires": ("", "registrar: {default_expires: 10m}"),
    "registrar.min_expires": ("", "registrar: {min_expires: 30s}"),
    "registrar.max_expires": ("", "registrar: {max_expires: 1d}"),
    "registrar.contacts": ("", "registrar: {contacts: 2}"),
    "registrar.qualify": ("", "registrar: {qualify: 30s}"),
    "registrar.algorithms": ("", "registrar: {algorithms: md5}"),
    "registrar.nonce_lifetime": ("", "registrar: {nonce_lifetime: 1m}"),
    "guard.max_message": ("", "guard: {max_message: 8000}"),
    "guard.rate": ("", "guard: {rate: 100}"),
    "guard.burst": ("", "guard: {burst: 100}"),
    "guard.connections": ("", "guard: {connections: 100}"),
    "guard.connections_per_source": ("", "guard: {connections_per_source: 10}"),
    "guard.allow": ("", "guard: {allow: 192.0.2.1}"),
    "guard.hidden": ("", "guard: {hidden: false}"),
    "guard.ban": ("", "guard: {ban: {failures: 3, window: 1m, time: 1m, longest: 1h, dry_run: true}}"),
    "metrics.enabled": ("", "metrics: {enabled: false}"),
    "metrics.address": ("", 'metrics: {address: "::1"}'),
    "metrics.port": ("", "metrics: {port: 9465}"),
    "log.level": ("", "log: {level: debug}"),
    "log.format": ("", "log: {format: json}"),
    "records.url": ("", 'records: {url: "postgresql://example.com/ringplan"}'),
    "records.journal_max": ("", "records: {journal_max: 9000}"),
    "records.keep": ("", "records: {keep: 400d}"),
    "records.emergency_keep": ("", "records: {emergency_keep: 400d}"),
    "records.mask": ("", "records: {mask: exports}"),
    "calls.unreachable": ("", "calls: {unreachable: 2s}"),
    "calls.limit_warning": ("", "calls: {limit_warning: {by: both, to: both}}"),
    "calls.announcements": ("", "calls: {announcements: answer}"),
    "calls.drain": ("", "calls: {drain: 5m}"),
    "prompts": ("", "prompts: {voice: en-gb}"),
    "recordings": ("", "recordings: {keep_days: 90}"),
    "calls.session_timer": ("", "calls: {session_timer: {enabled: false}}"),
    "account.permission": ("lines: {a: {}}", "lines: {a: {}}\naccount: {permission: international}"),
    "users": ("", "users: {a: {extension: 201}}"),
    "devices": ("lines: {a: {}}", "lines: {a: {}}\ndevices: {p: {secret: a-long-password, lines: a}}"),
    "trunks.host": ("trunks: {t: {host: sip.example.com}}", "trunks: {t: {host: sip2.example.com}}"),
    "ring_groups": ("lines: {a: {}}", "lines: {a: {}}\nring_groups: {g: {members: a}}"),
    "hours": ("", "hours: {o: {week: {mon: always}}}"),
    "domains": ("", "domains: pbx.example.com"),
}


def compiled(text: str) -> Compiled:
    return compile_loaded(validate.validate(loader.read(f"country: US\n{text}\n", "x"), Path()), "x")


@pytest.mark.parametrize("path", CASES)
def test_when_a_change_is_in_force_is_what_a_reload_says(path: str) -> None:
    before, after = (compiled(text) for text in CASES[path])
    assert before.version != after.version, "the two differ"
    assert bool(needs_restart(before, after)) == (effect(path) is Effect.RESTART)


def test_every_key_that_could_need_a_restart_is_among_those_cases() -> None:
    top = fields(Configuration)
    files = {"listen.certificate", "listen.key", "listen.certificates", "listen.client_ca", "listen.client_required"}
    for section in ("listen", "media", "registrar", "guard", "metrics", "log", "records", "calls"):
        model = inner(top[section].kind)
        assert model is not None
        assert {f"{section}.{key}" for key in fields(model)} - files - set(CASES) == set()


def test_what_has_an_effect_of_its_own_is_a_key() -> None:
    top = fields(Configuration)
    for path in EFFECTS:
        section, _, key = path.partition(".")
        model = Placed if section == SHARED else inner(top[section].kind)
        assert not key or (model is not None and key in fields(model)), path


def test_every_feature_that_a_code_can_be_given_is_in_the_guide() -> None:
    table = (ROOT / "docs/dialplan.md").read_text().partition("| feature | what follows |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| `")]
    told = {name: bool(behind.strip()) for names, behind in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == dict(FEATURES)
