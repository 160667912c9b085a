"""A compiled configuration as bytes, and back: for the way from the compiler's process to the exchange, and for the
copy of the last one that was good. They contain secrets: store them with mode 0600.

The large maps of the model stand apart in pieces, each of which is read in a millisecond or less. So an exchange with
calls reads a large company's bit by bit (`unpacking`), and nobody waits for it.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import msgspec

from config.compiled import FORMAT, Compiled
from dialplan.model import Emergency, Model

PIECE = 250
_MAPS = ("lines", "devices", "extensions", "dids", "ring_groups", "mailboxes", "origins")
_PLACES = "places"  # those of the emergency table


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """All but the pieces, and these: of which map, and its bytes."""

    format: int
    rest: msgspec.Raw
    pieces: list[tuple[str, msgspec.Raw]]


def encode(compiled: Compiled) -> bytes:
    """MessagePack. Equal values give equal bytes."""
    model = compiled.model
    empty: dict[str, Any] = {name: {} for name in _MAPS}
    table = msgspec.structs.replace(model.emergency, places={})
    rest = msgspec.structs.replace(compiled, model=msgspec.structs.replace(model, emergency=table, **empty))
    pieces = [
        (name, msgspec.Raw(_encode(piece)))
        for name, whole in (*((name, getattr(model, name)) for name in _MAPS), (_PLACES, model.emergency.places))
        for piece in _cut(whole)
    ]
    return _encode(_Packed(compiled.format, msgspec.Raw(_encode(rest)), pieces))


def _encode(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")


def _cut(whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    items = sorted(whole.items())
    for at in range(0, len(items), PIECE):
        yield dict(items[at : at + PIECE])


def decode(data: bytes) -> Compiled:
    """The reverse of `encode`. Raises msgspec.DecodeError, also for a format that this version does not know."""
    work = unpacking(data)
    while True:
        try:
            next(work)
        except StopIteration as done:
            made: Compiled = done.value
            return made


def unpacking(data: bytes) -> Generator[None, None, Compiled]:
    """The same with a pause after each piece. Raises msgspec.DecodeError."""
    try:
        packed = msgspec.msgpack.decode(data, type=_Packed)
    except msgspec.ValidationError:
        raise msgspec.DecodeError(f"no compiled configuration of format {FORMAT}") from None
    if packed.format != FORMAT:
        raise msgspec.DecodeError(f"compiled configuration of format {packed.format}, wanted {FORMAT}")
    yield
    rest = msgspec.msgpack.decode(packed.rest, type=Compiled)
    yield
    made: dict[str, dict[str, Any]] = {name: {} for name in (*_MAPS, _PLACES)}
    decoders = _decoders()
    for name, piece in packed.pieces:
        if name not in made:
            raise msgspec.DecodeError(f"a piece of nothing that is known: {name}")
        made[name].update(decoders[name].decode(piece))
        yield
    table = msgspec.structs.replace(rest.model.emergency, places=made.pop(_PLACES))
    return msgspec.structs.replace(rest, model=msgspec.structs.replace(rest.model, emergency=table, **made))


@functools.cache
def _decoders() -> Mapping[str, msgspec.msgpack.Decoder[Any]]:
    hints = typing.get_type_hints(Model) | {_PLACES: typing.get_type_hints(Emergency)[_PLACES]}
    return {name: msgspec.msgpack.Decoder(hints[name]) for name in (*_MAPS, _PLACES)}
