"""The house and its rooms: who may import whom. Adding a line here is a decision about the architecture."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = {
    "dialplan": set(),
    "media": set(),
    "records": set(),
    "config": {"dialplan"},
    "console": {"records", "dialplan"},
    "switch": {"dialplan", "media", "records", "config"},
}
"""Our packages, and which of our others each may import."""

LIBRARIES = {
    "dialplan": {"msgspec", "phonenumbers"},
    "media": {"aiortc", "av", "msgspec", "numpy", "pylibsrtp", "soxr"},
    "records": {"aiosqlite", "alembic", "asyncpg", "msgspec", "sqlalchemy"},
    "config": {
        "cryptography",
        "holidays",
        "msgspec",
        "phonenumbers",
        "pydantic",
        "pydantic_core",
        "watchfiles",
        "yaml",
    },
    "console": {"fastapi", "msgspec", "starlette", "uvicorn", "websockets"},
    "switch": {
        "aiosmtplib",
        "argon2",
        "dns",
        "msgspec",
        "prometheus_client",
        "rich",
        "sqlalchemy",
        "structlog",
        "typer",
        "uvloop",
        "yaml",
    },
}
"""Everything else but the standard library. YAML is read in `config` alone: see NARROW."""

NARROW = {
    "yaml": ("config/",),
    "holidays": ("config/calendars.py",),
    "sqlalchemy": ("records/", "switch/commands/"),
    "typer": ("switch/commands/",),
    "rich": ("switch/commands/",),
    "console": ("switch/app.py", "switch/commands/"),
}
"""What only these paths may import."""

NO_WORLD = {
    *("asyncio", "socket", "select", "selectors", "threading", "multiprocessing", "subprocess"),
    *("os", "io", "pathlib", "time", "random", "secrets", "uuid", "logging", "structlog"),
}
"""Clocks, chance and the outside: they come in as arguments and go out as values."""

PURE = ("dialplan/", "switch/sip/")

SISTERS = {
    "sip": set(),
    "net": {"sip"},
    "state": {"sip"},
    "calls": {"sip", "state"},
    "presence": {"sip", "state", "calls"},
    "prompts": set(),
    "features": {"sip", "state", "calls", "presence", "prompts"},
}
"""The rooms of `switch`, and which sisters each may import."""

WIRING = ("switch.app", "switch.commands", "switch.supervisor")
"""Nothing but each other and the tests imports these."""


class Import(NamedTuple):
    """One module imported by one file of ours."""

    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def imports_of(path: str, source: str) -> Iterator[Import]:
    """Every import of a file, also inside functions and under TYPE_CHECKING; relative ones made absolute."""
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(path, node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for name in node.names:
                yield Import(path, node.lineno, f"{module}.{name.name}")


def wrong(found: Import) -> str:
    """Why this import must not be; empty when it may."""
    room = found.path.split("/")[0]
    top, _, rest = found.module.partition(".")
    if top in NARROW and not found.path.startswith((*NARROW[top], f"{top}/")):
        return f"only {', '.join(NARROW[top])} may"
    if top in ROOMS:
        if top != room and top not in ROOMS[room] and top not in NARROW:
            return f"{room} must not know {top}"
    elif top not in sys.stdlib_module_names and top not in LIBRARIES[room]:
        return f"{top} is none of the libraries of {room}"
    if found.path.startswith(PURE) and top in NO_WORLD:
        return "this room is pure"
    if top == "switch":
        return _wrong_in_switch(found, rest)
    return ""


def _wrong_in_switch(found: Import, rest: str) -> str:
    if found.module.startswith(WIRING) and not found.path.startswith(("switch/app.py", "switch/commands/")):
        return "nothing imports the wiring" if found.path != "switch/supervisor.py" else ""
    parts = found.path.split("/")
    mine, other = (parts[1] if len(parts) > 2 else ""), rest.split(".")[0]
    if mine in SISTERS and other in SISTERS and mine != other and other not in SISTERS[mine]:
        return f"switch/{mine} must not know switch/{other}"
    if mine == "sip" and other != "sip":
        return "switch/sip imports no sister"
    if mine == "net" and other not in ("sip", "net", "clock"):
        return "switch/net imports only sip"
    if mine == other == "features" and parts[2].removesuffix(".py") != rest.split(".")[1]:
        return "a feature never imports another"
    return ""


@functools.cache
def all_imports() -> list[Import]:
    """Those of every file of the product."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [
        found
        for path in files
        for found in imports_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]


def test_every_import_keeps_to_the_house_plan():
    faults = [f"{found}: {reason}" for found in all_imports() if (reason := wrong(found))]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("dialplan/plan.py", "import switch.clock"),
        ("dialplan/plan.py", "from time import monotonic"),
        ("media/relay.py", "from records import events"),
        ("records/store/store.py", "from ... import config"),
        ("switch/calls/ringer.py", "import yaml"),
        ("switch/calls/ringer.py", "from ..features import park"),
        ("switch/calls/call.py", "from console import pages"),
        ("switch/sip/parser.py", "def later():\n    import asyncio"),
        ("switch/sip/parser.py", "from switch.clock import Clock"),
        ("switch/net/udp.py", "from switch.registrar import Registrar"),
        ("switch/features/park.py", "from .pickup import anything"),
        ("switch/calls/call.py", "from switch import app"),
        ("switch/auth.py", "import requests"),
        ("config/loader.py", "import media.engine"),
    ],
)
def test_a_wrong_import_is_found(path, source):
    assert any(wrong(found) for found in imports_of(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("switch/app.py", "import console"),
        ("switch/sip/parser.py", "from . import uri"),
        ("switch/calls/call.py", "from dialplan.plan import Plan"),
        ("switch/features/park.py", "from . import park"),
        ("config/compile.py", "import yaml, pathlib"),
    ],
)
def test_a_right_import_is_not(path, source):
    assert not any(wrong(found) for found in imports_of(path, source))


def test_the_supervisor_stays_small():
    """It must not drag in libraries: what it imports is the standard library and its own few modules."""
    own = (
        "switch.supervisor",
        "switch.supervising",
        "switch.children",
        "switch.doors",
        "switch.desk",
        "switch.estate",
        "switch.arguments",
    )
    mine = [found for found in all_imports() if found.path.removesuffix(".py").replace("/", ".") in own]
    tops = {found.module for found in mine if found.module.partition(".")[0] not in sys.stdlib_module_names}
    assert all(module.startswith(tuple(f"{each}." for each in own)) for module in tops), tops


def test_every_library_used_is_declared_and_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    declared = {_name(text) for text in wanted}
    pinned = {_name(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    other = {"yaml": "pyyaml", "dns": "dnspython", "argon2": "argon2-cffi", "pydantic_core": "pydantic"}
    tops = {found.module.partition(".")[0] for found in all_imports()} - set(sys.stdlib_module_names) - set(ROOMS)
    used = {other.get(top, top.replace("_", "-")) for top in tops}
    assert used <= declared, f"not in pyproject.toml: {used - declared}"
    assert declared <= pinned, f"not in requirements.lock: {declared - pinned}"


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=~;! ]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")
