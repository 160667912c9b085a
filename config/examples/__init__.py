"""The configurations that are shipped as examples, and writing one out with fresh passwords for a first start.

`office` is what a first start begins with; `company` shows all that there is, in a folder of several files.
"""

from __future__ import annotations

import os
import secrets
from importlib import resources
from pathlib import Path

import msgspec

from config import jsonschema, validate
from config.problems import ConfigError, Problem, Wrong
from config.secrets import resolve
from config.types import Secret

OFFICE = "office"
COMPANY = "company"
CONFIG_FILE = "ringplan.yaml"
SECRETS_FILE = "secrets"
SCHEMA_FILE = "ringplan.schema.json"
FIRST_FILES = {OFFICE: CONFIG_FILE, COMPANY: "company.yaml"}
"""The examples, and the file of each by which one knows that it stands in a folder."""


class ExampleDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person types into a telephone, and the number that others dial to ring it."""

    device: str
    username: str
    password: str
    extension: str
    name: str

    def __repr__(self) -> str:
        return f"ExampleDevice(device={self.device!r}, username={self.username!r}, extension={self.extension!r})"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: `services` maps a number to what answers it (`echo`, `tone:425`)."""

    config: Path
    devices: tuple[ExampleDevice, ...]
    services: dict[str, str]


def files(name: str) -> dict[str, str]:
    """The files of an example as shipped, by the names that they are written under."""
    here = resources.files(__name__)
    if name == OFFICE:
        return {CONFIG_FILE: here.joinpath("office.yaml").read_text("utf-8")}
    found = sorted(here.joinpath(name).iterdir(), key=lambda each: each.name)
    return {each.name: each.read_text("utf-8") for each in found if each.name.endswith((".yaml", ".csv"))}


def write(folder: Path, name: str = OFFICE) -> Example:
    """Write an example into a folder: its files, the JSON Schema, and `secrets` (0600) with fresh random passwords.

    What stands there already is left as it is, so that calling it again shows the same passwords. Raises OSError;
    ConfigError when a configuration that was there already is not in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files(name).items():
        _create(folder / file, content, 0o640)
    _create(folder / SCHEMA_FILE, jsonschema.text(), 0o644)
    settings = validate.load(_place(folder, name)).good()
    made = {_reference(each.secret): secrets.token_urlsafe(15) for each in settings.devices.values()}
    # A code's password is typed on a telephone.
    digits = {_reference(each.password): f"{secrets.randbelow(10**8):08}" for each in settings.account_codes.values()}
    lines = [f"{key}={secret}\n" for key, secret in {**made, **digits}.items() if key]
    _create(folder / SECRETS_FILE, "".join(lines), 0o600)
    return describe(folder, name)


def _place(folder: Path, name: str) -> Path:
    return folder / CONFIG_FILE if name == OFFICE else folder


def _reference(secret: Secret | None) -> str:
    """What a secret is called in the file of secrets; empty when it is not there."""
    return secret.written.partition("#")[2] if secret is not None and not secret.literal else ""


def describe(folder: Path, name: str = OFFICE) -> Example:
    """The devices of a folder that `write` made, with their passwords as they are now. Raises as `write` does."""
    config = _place(folder, name)
    loaded = validate.load(config)
    settings = loaded.good()
    devices = []
    for device_name, device in settings.devices.items():
        try:
            password = resolve(device.secret, folder, os.environ)
        except Wrong as wrong:
            mark = loaded.mark("devices", device_name, "secret")
            raise ConfigError([Problem("bad-secret", mark, wrong.message, wrong.hint)]) from None
        first = device.lines[0] if device.lines else ""
        line = settings.users.get(first) or settings.lines.get(first)
        devices.append(
            ExampleDevice(
                device=device_name,
                username=device.username or device_name,
                password=password,
                extension=(line.extension if line is not None else None) or "",
                name=line.name if line is not None else "",
            )
        )
    return Example(config=config, devices=tuple(devices), services=dict(settings.services))


def _create(file: Path, content: str, mode: int) -> None:
    """Create the file with that mode from its first moment on; leave one that exists as it is."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return
    with os.fdopen(opened, "w", encoding="utf-8") as stream:
        stream.write(content)
