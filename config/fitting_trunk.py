"""What must fit together in a trunk: keys that want each other, and sources that are one carrier's only."""

from __future__ import annotations

from collections.abc import Iterator

from config.compile_trunk import effective, sources
from config.presets import PRESETS
from config.problems import Problem
from config.schema_trunk import Trunk
from config.validate import Loaded


def trunk_problems(loaded: Loaded) -> Iterator[Problem]:
    """Of all trunks."""
    for name, written in loaded.settings.trunks.items():
        if not loaded.sound("trunks", name):
            continue
        yield from _hosts(loaded, name, written)
        yield from _account(loaded, name, effective(written))
        yield from _callers(loaded, name, effective(written))
        if written.cost_currency and not written.cost_header and not written.aoc:
            message = "`cost_currency` of a trunk that tells no costs"
            mark = loaded.mark("trunks", name, "cost_currency")
            yield Problem("conflicting-keys", mark, message, "write `cost_header` or `aoc: true` as well")
    yield from _sources(loaded)


def _hosts(loaded: Loaded, name: str, trunk: Trunk) -> Iterator[Problem]:
    if trunk.host and trunk.hosts:
        hint = "put the first one under `hosts`, too"
        yield Problem(
            "conflicting-keys", loaded.mark("trunks", name, "host"), "`host` and `hosts` cannot both be there", hint
        )
    elif not trunk.host and not trunk.hosts and all(loaded.sound("trunks", name, key) for key in ("host", "hosts")):
        yield Problem("missing-key", loaded.key_mark("trunks", name), f"`host` is missing in `{name}`")


def _account(loaded: Loaded, name: str, trunk: Trunk) -> Iterator[Problem]:
    sound = all(loaded.sound("trunks", name, key) for key in ("register", "username", "secret"))
    if not sound:
        return
    mark = loaded.key_mark("trunks", name)
    if trunk.register_ and not trunk.username:
        yield Problem(
            "missing-key", mark, f"`username` is missing in `{name}`", f"{_registers(trunk)} an account registers"
        )
    if trunk.username and trunk.secret is None and trunk.register_:
        yield Problem("missing-key", mark, f"`secret` is missing in `{name}`", "the password of `username`")
    if trunk.secret is not None and not trunk.username:
        yield Problem("missing-key", mark, f"`username` is missing in `{name}`", "whose `secret` it is")


def _registers(trunk: Trunk) -> str:
    by_preset = PRESETS.get(trunk.preset or "", {}).get("register_")
    return f"with `preset: {trunk.preset}`" if by_preset else "with `register: true`"


def _callers(loaded: Loaded, name: str, trunk: Trunk) -> Iterator[Problem]:
    if not trunk.trusted and loaded.sound("trunks", name, "caller_in"):
        for each in trunk.caller_in:
            if each in ("pai", "rpid"):
                message = f"`caller_in`: {each} of a trunk that is not `trusted` is not believed"
                yield Problem(
                    "conflicting-keys",
                    loaded.mark("trunks", name, "caller_in"),
                    message,
                    "write `trusted: true` as well",
                )


def _sources(loaded: Loaded) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, trunk in loaded.settings.trunks.items():
        if not trunk.source and not (loaded.sound("trunks", name, "from") and not trunk.register_):
            # Several accounts at one carrier: their calls are told apart by our Contact.
            continue
        for at, source in enumerate(sources(trunk)):
            if not loaded.sound("trunks", name, "from", at):
                continue
            first = seen.setdefault(source, name)
            if first != name:
                path = ("from", at) if trunk.source else ("host",) if trunk.host else ("hosts",)
                yield Problem(
                    "duplicate-source",
                    loaded.mark("trunks", name, *path),
                    f"{source} is recognised as trunk `{first}` already",
                )
