"""What all sections of the configuration have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from config.types import choice, integer


class Section(BaseModel):
    """Unknown keys are errors everywhere; nothing is guessed."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, frozen=True)


Port = Annotated[int, integer(1, 65535)]
Transport = Annotated[str, choice("udp", "tcp", "tls")]
