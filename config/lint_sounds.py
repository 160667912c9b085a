"""Sound files that the configuration names and that are not there: something else is heard in their place."""

from __future__ import annotations

from collections.abc import Iterator

from config.compile_people import FILES_OWN
from config.problems import Problem
from config.validate import Loaded
from dialplan.destinations import To

_LEVELS = ("sites", "groups", "users", "lines")
_HINT = "it is looked for in the configuration's folder"

Named = tuple[str, tuple[str | int, ...], str]


def warnings(loaded: Loaded) -> Iterator[Problem]:
    """All of them."""
    settings = loaded.settings
    for name, path, instead in _files(loaded):
        if not (loaded.folder / name).is_file():
            yield Problem("missing-sound", loaded.mark(*path), f"there is no file `{name}`: {instead}", _HINT)
    folder = settings.prompts.folder
    if folder and not (loaded.folder / folder).is_dir():
        message = f"there is no folder `{folder}`: no prompt of your own is heard"
        yield Problem("missing-sound", loaded.mark("prompts", "folder"), message, _HINT)


def _files(loaded: Loaded) -> Iterator[Named]:
    """Each file, where it is named, and what is heard without it."""
    settings = loaded.settings
    music = "the exchange's own music is heard"
    if settings.account.hold_music not in (None, FILES_OWN):
        yield str(settings.account.hold_music), ("account", "hold_music"), music
    for section in _LEVELS:
        for name, each in getattr(settings, section).items():
            if each.hold_music not in (None, FILES_OWN):
                yield each.hold_music, (section, name, "hold_music"), music
    for name, menu in settings.attendants.items():
        if menu.greeting:
            yield menu.greeting, ("attendants", name, "greeting"), "callers hear nothing before they press a key"
        for key, to in menu.choices.items():
            kind, _, file = to.name.partition(":")
            if to.kind is To.ANNOUNCE and kind == "file":
                yield file, ("attendants", name, "choices", key), "callers hear nothing"
