"""The dialplan models that calls were decided by, kept by their version, so that `history CALL` can show the operator's
own file and line for each step of a decision, also when the configuration has changed since.

A model holds no secret and no address. A version that comes into force again is written again: its content is the same,
but its lines may have moved in the file.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from dialplan.model import Model
from switch.private import write_private

FOLDER = "models"
KEPT_VERSIONS = 200
_LEVEL = 1  # the tables of carriers' routes and rates are megabytes, mostly of zeros
_ZLIB = b"x"  # what such a file begins with (RFC 1950), and no map in MessagePack


def keep(data: Path, model: Model) -> None:
    """Keep this version beside the last KEPT_VERSIONS. What the disk refuses is not worth a failed start."""
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(_file(data, model.version), zlib.compress(msgspec.msgpack.encode(model), _LEVEL))
        for old in sorted(folder.glob("*.msgpack"), key=lambda path: path.stat().st_mtime)[:-KEPT_VERSIONS]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def find(data: Path, version: str) -> Model | None:
    """The model of that version, or None when it is not known any more or may not be read."""
    if not version.isalnum():
        return None
    try:
        content = _file(data, version).read_bytes()
        # Earlier versions of Ringplan did not pack them.
        return msgspec.msgpack.decode(zlib.decompress(content) if content[:1] == _ZLIB else content, type=Model)
    except (OSError, zlib.error, msgspec.DecodeError):
        return None


def _file(data: Path, version: str) -> Path:
    return data / FOLDER / f"{version}.msgpack"
