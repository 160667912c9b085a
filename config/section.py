"""What all sections of the configuration have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from config.types import choice, integer


class Section(BaseModel):
    """Unknown keys are errors everywhere; nothing is guessed.

    `shorthand` names the one key that a single text stands for, where that is allowed in place of the section."""

    shorthand: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, value: Any) -> Any:
        return {cls.shorthand: value} if cls.shorthand and isinstance(value, str) else value

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, frozen=True)


Port = Annotated[int, integer(1, 65535)]
Transport = Annotated[str, choice("udp", "tcp", "tls")]
