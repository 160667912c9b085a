"""What a service asks of the prompts (`Prompts` has them): each answer is a row of sources of a `media.engine.Tune`."""

from __future__ import annotations

import datetime
from typing import Protocol

Sources = tuple[str, ...]


class Words(Protocol):
    """See `switch.prompts.prompts.Prompts`."""

    def sources(self, *ids: str, language: str = "") -> Sources:
        """The prompts of these ids, one after the other. Raises KeyError for an id that the catalogue has not."""

    def digits(self, text: str, language: str = "") -> Sources:
        """Each digit, letter and sign by itself."""

    def number(self, value: int, language: str = "") -> Sources:
        """A whole number as it is counted."""

    def moment(self, at: datetime.datetime, now: datetime.datetime, language: str = "") -> Sources:
        """When something was; both are in the zone of whoever listens."""

    def file(self, name: str) -> Sources:
        """A sound file that the configuration names."""

    def said(self, text: str) -> Sources:
        """A text of the operator's own, such as a name."""
