"""Numbers that exist by the library's data, of every type, for properties that hold our tables against it."""

from __future__ import annotations

import phonenumbers
from hypothesis import strategies as st

TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number")


@st.composite
def real_numbers(
    draw: st.DrawFn, regions: list[str], types: tuple[str, ...] = TYPES
) -> tuple[str, phonenumbers.PhoneNumber]:
    """A number that the library's data says to exist, and how the library reads it."""
    region = draw(st.sampled_from(regions))
    data = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert data is not None
    patterns = [getattr(data, each).national_number_pattern for each in types if getattr(data, each) is not None]
    national = draw(
        st.from_regex(draw(st.sampled_from([p for p in patterns if p])), fullmatch=True, alphabet="0123456789")
    )
    number = f"+{data.country_code}{national}"
    return number, phonenumbers.parse(number, None)
