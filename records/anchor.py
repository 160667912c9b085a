"""The end of the chain, kept outside of the database: a small file that says which link was the last (decision 30).

Whoever can write the database, and nothing else, cannot cut the chain or make it anew without this file telling.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from records import files
from records.chain import Head
from records.store import Store


class Anchor:
    """Kept by the record feeder at `path`; one that the database does not know any more is set aside beside it, as
    `path.1` and so on, and never overwritten."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, store: Store) -> str:
        """Write down the last link, if it is another one. Returns what is wrong, or nothing. Errors are SQLAlchemy's
        and OSError."""
        head, kept = store.head(), read(self._path)
        if kept == head:
            return ""
        wrong = ""
        if self._path.exists() and (kept is None or not store.has(kept)):
            aside = next(path for n in range(1, 1_000_000) if not (path := _aside(self._path, n)).exists())
            self._path.replace(aside)
            wrong = f"the chain of records does not have its former end any more, which is in {aside}"
        if head.seq:
            files.replace(self._path, f"{head}\n".encode())
        return wrong


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def read(path: Path) -> Head | None:
    """What is kept in such a file; None where nothing can be read."""
    try:
        return Head.parse(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def kept(path: Path) -> Iterator[tuple[Path, Head]]:
    """All that is kept there, what was set aside included."""
    for each in (path, *sorted(path.parent.glob(f"{path.name}.[0-9]*"))):
        head = read(each)
        if head is not None:
            yield each, head
