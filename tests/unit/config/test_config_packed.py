"""Compiled configurations as bytes: read in pieces that are small whatever the company's size, and left alone by the
search for cycles, so that a reload stalls nobody."""

from __future__ import annotations

import gc
from pathlib import Path

import msgspec
import pytest

from config import loader, packed, validate
from config.compile import compile_loaded
from config.compiled import Compiled
from tests.support.companies import company


@pytest.fixture(scope="module")
def made() -> Compiled:
    text = company(users=600, seed=3)
    return compile_loaded(validate.validate(loader.read(text, "a.yaml"), Path()), "a.yaml", {})


def test_what_is_read_is_what_was_written_and_equal_values_give_equal_bytes(made: Compiled) -> None:
    data = packed.encode(made)
    assert packed.decode(data) == made
    assert packed.encode(packed.decode(data)) == data


def test_it_is_read_in_pieces_of_a_bounded_size(made: Compiled) -> None:
    data = packed.encode(made)
    pieces = msgspec.msgpack.decode(data, type=packed._Packed)
    sizes = [len(msgspec.msgpack.decode(raw)) for _, raw in pieces.pieces]
    assert max(sizes) <= packed.PIECE
    assert sum(1 for _ in packed.unpacking(data)) == len(sizes) + 2, "the loop has its turn after each"
    rest = msgspec.msgpack.decode(pieces.rest)
    # All that grows with the number of users is in pieces, but for the telephones' credentials, the cheapest of it.
    large = {key for key, each in rest["model"].items() if isinstance(each, dict | list) and len(each) > packed.PIECE}
    assert large == {"claimed"}


def test_a_model_is_nothing_to_the_search_for_cycles(made: Compiled) -> None:
    """A frozen tree has none. So a reload needs no collection, and no later one looks through the company."""

    def looked_through() -> int:
        gc.collect()  # which lets go of tuples that hold nothing of interest
        return sum(not isinstance(each, frozenset) for each in gc.get_objects())

    data = packed.encode(packed.decode(packed.encode(made)))
    before = looked_through()
    held = packed.decode(data)
    assert looked_through() - before < len(held.model.lines) / 4, "not an object for each user"


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xc1", b"\x93\x01\x80\x90", b"\x92\x01\x80"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        packed.decode(data)
