"""Text that strangers sent, for those who cannot take any octet: databases, JSON, terminals."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec


def clean(text: str) -> str:
    """Text that every database takes: what strangers sent may hold NUL, or bytes that are no UTF-8."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def to_json(value: object) -> bytes:
    """A value of ours as JSON, with what is no UTF-8 in it replaced."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # what was dialled may be told in a reason
        return msgspec.json.encode(_cleaned(msgspec.to_builtins(value, builtin_types=(datetime.datetime,))))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list | tuple) else value
