"""Small files that are replaced whole: whoever reads one meanwhile has the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write the file anew, for our own user alone; `synced`: it is on the disk afterwards. Raises OSError."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if synced:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)
