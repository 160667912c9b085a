"""What the statements of this store share: how each database inserts, and how many values one takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
PORTION = 500
"""So many values in a statement are within every database's bound."""


def insert_into(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """The insertion that can also say what to do about a row that is there: SQLAlchemy has one for each database."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one statement takes."""
    return (values[start : start + PORTION] for start in range(0, len(values), PORTION))
