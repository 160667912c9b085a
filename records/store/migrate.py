"""Brings the store's tables up to date by Alembic, on a connection that is open already."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

_SCRIPTS = Path(__file__).parent / "migrations"


class NewerStoreError(OSError):
    """A newer version has brought the tables further; this one must not touch them."""


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to `revision` in the connection's transaction. Raises NewerStoreError."""
    config = Config()
    # Alembic reads its options through ConfigParser, to which a percent sign is special.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise NewerStoreError(f"the tables are of a newer version; it takes the one that made them ({error})") from None
