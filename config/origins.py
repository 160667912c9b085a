"""Where each rule stands that the planner can name in its `because`: file, line and a text for people.

The ids are those of `dialplan.rules`. A setting of a user or a line (`user:anna.forward.busy`, `user:anna.permission`)
stands where it was set, at whatever level; a default has no origin. Who has locked it is at the same id with `.lock`
behind.
"""

from __future__ import annotations

from config.compile_called import SECTIONS, numbered
from config.fitting_names import section_name
from config.inherit import Effective, Levels, Path_
from config.validate import Loaded
from dialplan import rules
from dialplan.model import Origin

_TOLD = {"sites": "site", "groups": "group", "devices": "device", "trunks": "trunk", "hours": "hours"}
_PLAIN = {
    "routes": "route",
    "services": "service",
    "dids": "did",
    "features": "feature",
    "addresses": "address",
    "account_codes": "account",
}


def origins(loaded: Loaded, levels: Levels) -> dict[str, Origin]:
    """By rule id."""
    settings = loaded.settings
    made: dict[str, Origin] = {}

    def add(rule: str, path: Path_, text: str = "") -> None:
        mark = loaded.key_mark(*path)
        made[rule] = Origin(mark.file, mark.line if path[0] in loaded.tree.entries else 0, text)

    for section, name, number in numbered(settings):
        add(f"extension:{number}", (section, name), f"{section_name(section)[2:].strip()} {name}")
    for number, each in settings.extensions.items():
        add(f"extension:{number}", ("extensions", number), each.name)
        add(f"ring_group:{number}", ("extensions", number), each.name)
    for number, to in settings.dids.items():
        if len(to) > 1:
            add(f"ring_group:{number}", ("dids", number))
    for section, called in SECTIONS.items():
        for name, entity in getattr(settings, section).items():
            add(f"{called.value}:{name}", (section, name), entity.name)
    for section, kind in _TOLD.items():
        for name, entity in getattr(settings, section).items():
            add(f"{kind}:{name}", (section, name), getattr(entity, "name", ""))
    for section, kind in _PLAIN.items():
        for name in getattr(settings, section):
            add(f"{kind}:{name}", (section, name))
    for section in ("ring_groups", "attendants", "queues"):
        for name, entity in getattr(settings, section).items():
            for key in ("closed", "otherwise", "overflow"):
                if getattr(entity, key, None) is not None:
                    add(f"{SECTIONS[section].value}:{name}.{key}", (section, name, key))
    _members(loaded, made)
    for name, user in settings.users.items():
        for at, delegate in enumerate(user.delegates):
            made[rules.delegate(name, delegate.user)] = _item(loaded, "users", name, "delegates", at)
        if not user.set_up:
            add(rules.of_line(name, "set_up"), ("users", name, "set_up"))
        if user.vip is not None:
            add(rules.of_line(name, "vip"), ("users", name, "vip"))
            if user.vip.contacts:
                add(rules.of_line(name, "vip.contacts"), ("users", name, "vip", "contacts"))
    add("emergency", ("emergency",))
    add("default_trunk", ("default_trunk",))
    _settings(loaded, levels, made)
    return made


def _members(loaded: Loaded, made: dict[str, Origin]) -> None:
    settings = loaded.settings
    for name, group in settings.ring_groups.items():
        for at, each in enumerate(group.members):
            made[f"ring_group:{name}.members.{each.user}"] = _item(loaded, "ring_groups", name, "members", at)
    for number, ring_list in settings.extensions.items():
        for at, line in enumerate(ring_list.lines):
            made[f"ring_group:{number}.members.{line}"] = _item(loaded, "extensions", number, "lines", at)
    for number, leads in settings.dids.items():
        for at, to in enumerate(leads if len(leads) > 1 else ()):
            made[f"ring_group:{number}.members.{to.name}"] = _item(loaded, "dids", number, at)


def _item(loaded: Loaded, *path: str | int) -> Origin:
    mark = loaded.mark(*path)
    return Origin(mark.file, mark.line, "")


def _settings(loaded: Loaded, levels: Levels, made: dict[str, Origin]) -> None:
    """What the levels say of each user and line. A level's own value is one origin, whoever it holds for."""
    known: dict[Path_, Origin] = {}
    for section in ("users", "lines"):
        for name in getattr(loaded.settings, section):
            found: Effective = levels.of(name)
            for key, setting in found.values.items():
                origin = known.get(setting.path)
                if origin is None:
                    mark = loaded.key_mark(*setting.path)
                    who = f"{setting.level} {setting.owner}".strip()
                    origin = known[setting.path] = Origin(mark.file, mark.line, who)
                made[rules.of_line(name, key)] = origin
            for key, lock in found.locks.items():
                mark = loaded.mark(*lock.path)
                who = f"{lock.level} {lock.owner}".strip()
                made[rules.of_line(name, key) + ".lock"] = Origin(mark.file, mark.line, who)
