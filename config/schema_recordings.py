"""What may stand under `recordings`: the files of recorded calls."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Section
from config.types import Boolean, File, choice, duration
from config.words import at_most


class Recordings(Section):
    """Recorded calls: `docs/recording.md`. Whose calls are recorded, and who is told, stands under `record` of the
    account, sites, groups, users and lines."""

    folder: File | None = Field(
        default=None, description="where they lie, relative to the configuration's folder; else in the data folder"
    )
    keep_days: Annotated[int, at_most(36500)] = Field(
        default=0, description="for so many days, then they are deleted; `none`: until somebody deletes them"
    )
    format: Annotated[str, choice("wav")] = Field(default="wav", description="what they are written as")
    keep_spools: Boolean = Field(
        default=False, description="whether the packets that a file was made of are kept beside it, for as long"
    )
    emergency: Boolean = Field(
        default=False, description="whether emergency calls are recorded, all of them and without an announcement"
    )
    longest: Annotated[float, duration(60, 86400)] = Field(
        default=21600.0, description="after so long a recording ends, and the call goes on"
    )
