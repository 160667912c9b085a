"""Where each rule stands that the planner can name in its `because`: file, line and a text for people.

The ids are KIND:NAME, the kind as in `dialplan.destinations` where it is something that is called. What a setting of a
user or a line comes from is user:NAME.KEY (`user:anna.forward.busy`, `user:anna.permission`): where it was set, at
whatever level. A default has no origin.
"""

from __future__ import annotations

from config.compile_called import SECTIONS, numbered
from config.fitting_names import section_name
from config.inherit import Effective, Levels, Path_
from config.validate import Loaded
from dialplan.model import Origin

_TOLD = {"sites": "site", "groups": "group", "devices": "device", "trunks": "trunk", "hours": "hours"}
_PLAIN = {
    "routes": "route",
    "services": "service",
    "dids": "did",
    "features": "feature",
    "account_codes": "account_code",
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
    add("emergency", ("emergency",))
    add("default_trunk", ("default_trunk",))
    _settings(loaded, levels, made)
    return made


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
                made[f"user:{name}.{key}"] = origin
