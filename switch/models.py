"""The dialplan models that calls were decided by, kept by their version, so that `history CALL` can show the operator's
own file and line for each step of a decision, also when the configuration has changed since.

A model holds no secret and no address. A version that comes into force again is written again: its content is the same,
but its lines may have moved in the file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from dialplan.model import Model
from switch.private import write_private

FOLDER = "models"
KEPT_VERSIONS = 200


def keep(data: Path, model: Model) -> None:
    """Keep this version beside the last KEPT_VERSIONS. What the disk refuses is not worth a failed start."""
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(_file(data, model.version), msgspec.msgpack.encode(model))
        for old in sorted(folder.glob("*.msgpack"), key=lambda path: path.stat().st_mtime)[:-KEPT_VERSIONS]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def find(data: Path, version: str) -> Model | None:
    """The model of that version, or None when it is not known any more or may not be read."""
    if not version.isalnum():
        return None
    try:
        return msgspec.msgpack.decode(_file(data, version).read_bytes(), type=Model)
    except (OSError, msgspec.DecodeError):
        return None


def _file(data: Path, version: str) -> Path:
    return data / FOLDER / f"{version}.msgpack"
