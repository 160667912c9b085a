"""What may stand under `records`: where call records are kept, for how long, and who reads whole numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Section
from config.types import SecretText, choice, integer
from config.words import limit

DAY_S = 86400


class Records(Section):
    """Call records: `docs/records.md`. What is older than `keep` is deleted, with the recordings, and leaves a
    tombstone in the chain."""

    url: SecretText | None = Field(
        default=None, description="a database's URL, also as env:NAME or file:PATH; else SQLite in the data folder"
    )
    journal_max: Annotated[int, integer(100, 10000000)] = Field(
        default=4000,
        description="megabytes of journal while the database takes nothing in; then the oldest calls lose records",
    )
    keep: Annotated[float, limit(DAY_S, 36500 * DAY_S)] = Field(
        default=0.0, description="for so long, in days such as 400d, then records are deleted; `none`: for ever"
    )
    emergency_keep: Annotated[float, limit(DAY_S, 36500 * DAY_S)] = Field(
        default=0.0,
        description="those of emergency calls and their recordings at least for so long, such as 1095d; `none`: as all",
    )
    mask: Annotated[str, choice("none", "exports", "all")] = Field(
        default="none",
        description="whether numbers and names of those outside are masked: none; in exports; in all that is shown",
    )
