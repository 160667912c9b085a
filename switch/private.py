"""Files for our own user's eyes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

TOKEN_BYTES = 32


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, which replaces what is there at one stroke and is on the disk afterwards.

    Raises OSError.
    """
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def private_token(path: Path) -> str:
    """The token in that file, as text that fits into a header; made at random when it is not there. Raises OSError."""
    try:
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= TOKEN_BYTES:
            return token
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(path, f"{token}\n".encode())
    return token
