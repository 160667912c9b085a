"""The configuration that is shipped as an example, and writing it out with fresh passwords for a first start."""

from __future__ import annotations

import os
import secrets
from importlib import resources
from pathlib import Path

import msgspec

from config import jsonschema, validate
from config.problems import ConfigError, Problem, Wrong
from config.secrets import resolve

NAME = "office.yaml"
CONFIG_FILE = "ringplan.yaml"
SECRETS_FILE = "secrets"
SCHEMA_FILE = "ringplan.schema.json"


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


def text() -> str:
    """The example as shipped."""
    return resources.files(__name__).joinpath(NAME).read_text("utf-8")


def write(folder: Path) -> Example:
    """Write the example into a folder: `ringplan.yaml`, its JSON Schema, and `secrets` (0600) with fresh random
    passwords.

    What stands there already is left as it is, so that calling it again shows the same passwords. Raises OSError;
    ConfigError when a configuration that was there already is not in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / CONFIG_FILE
    _create(config, text(), 0o640)
    _create(folder / SCHEMA_FILE, jsonschema.text(), 0o644)
    settings = validate.load(config).good()
    made = {name: secrets.token_urlsafe(15) for name in settings.devices}
    _create(folder / SECRETS_FILE, "".join(f"{name}={secret}\n" for name, secret in made.items()), 0o600)
    return describe(folder)


def describe(folder: Path) -> Example:
    """The devices of a folder that `write` made, with their passwords as they are now. Raises as `write` does."""
    config = folder / CONFIG_FILE
    loaded = validate.load(config)
    settings = loaded.good()
    devices = []
    for name, device in settings.devices.items():
        try:
            password = resolve(device.secret, folder, os.environ)
        except Wrong as wrong:
            mark = loaded.mark("devices", name, "secret")
            raise ConfigError([Problem("bad-secret", mark, wrong.message, wrong.hint)]) from None
        first = device.lines[0] if device.lines else ""
        line = settings.users.get(first) or settings.lines.get(first)
        devices.append(
            ExampleDevice(
                device=name,
                username=device.username or name,
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
