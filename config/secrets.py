"""Secrets by reference: `env:NAME` from the environment, `file:PATH` from a file that only its owner (and group) can
read.

A file's PATH is relative to the configuration's folder. `file:PATH#NAME` takes one line `NAME=secret` of a file that
holds several. What was read is never part of a message.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from config.problems import Wrong
from config.types import Secret

MAX_BYTES = 64 * 1024


def resolve(secret: Secret, folder: Path, environ: Mapping[str, str]) -> str:
    """The secret itself. Raises Wrong, naming the reference and never the content."""
    if secret.literal:
        return secret.written
    kind, _, reference = secret.written.partition(":")
    value = _from_environment(reference, environ) if kind == "env" else _from_file(reference, folder)
    if not value:
        raise Wrong(f"{kind}:{reference} is empty")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise Wrong(f"{kind}:{reference} holds more than one line or control characters")
    return value


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        hint = "`check` sees your shell's variables, a service those of its unit (docs/configuration.md)"
        raise Wrong(f"the environment variable {name} is not set", hint)
    return value


def _from_file(reference: str, folder: Path) -> str:
    path, _, name = reference.partition("#")
    file = folder / path
    try:
        with file.open("rb") as opened:
            # The open file is asked, not its name: between the two it might have been changed for another.
            if os.fstat(opened.fileno()).st_mode & stat.S_IROTH:
                raise Wrong(f"everybody can read the file {path}", f"chmod 0600 {path}")
            content = opened.read(MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise Wrong(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Wrong(f"the file {path} is not UTF-8") from None
    if not name:
        return content.rstrip("\r\n")
    for line in content.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    raise Wrong(f"the file {path} has no line `{name}=…`")
