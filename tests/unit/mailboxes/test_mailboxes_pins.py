"""PINs (PIN-5): which are refused, and how they are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch import pins


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("", "digits"),
        ("12a456", "digits"),
        ("٣٧١٩٤٢", "digits"),
        ("37194", "short"),
        ("3" * 17, "long"),
        ("777777", "simple"),
        ("123456", "simple"),
        ("876543", "simple"),
        ("890123", "simple"),
        ("252525", "simple"),
        ("2525252", "simple"),
        ("002201", "simple"),
        ("220122", "simple"),
        ("371942", ""),
        ("220137", ""),
    ],
)
def test_a_pin_that_is_guessed_at_once_is_refused(pin: str, why: str) -> None:
    assert pins.refusal(pin, 6, "2201") == why
    assert why == "" or why in pins.WHY


@given(st.integers(4, 16), st.sampled_from(("", "2201", "37")))
def test_a_pin_of_chance_is_taken(least: int, own: str) -> None:
    pin = pins.chance(least, own)
    assert len(pin) == least
    assert pins.refusal(pin, least, own) == ""


def test_a_pin_is_kept_salted_and_fits_alone() -> None:
    one, other = pins.hashed("371942"), pins.hashed("371942")
    assert one != other
    assert "371942" not in one
    assert pins.fits(one, "371942")
    assert not pins.fits(one, "371943")


@pytest.mark.parametrize("kept", ["", "371942", "scrypt$14$8$x", "scrypt$99$8$AAAA$AAAA", "scrypt$a$8$AAAA$AAAA"])
def test_what_cannot_be_read_fits_nothing(kept: str) -> None:
    assert not pins.fits(kept, "371942")
