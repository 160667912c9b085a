"""`anna=busy,ben=outage`: what people write about telephones, and what they are told when it cannot be read."""

from __future__ import annotations

import pytest

from dialplan.pretend import RINGS, Phone, ScriptError, phones


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna=rings", {"line:anna": (RINGS,)}),
        ("anna=answers", {"line:anna": (Phone(status=200, after_s=5.0),)}),
        ("anna=answers/1m", {"line:anna": (Phone(status=200, after_s=60.0),)}),
        ("anna=answers/1500ms", {"line:anna": (Phone(status=200, after_s=1.5),)}),
        ("anna=busy", {"line:anna": (Phone(status=486),)}),
        ("anna=rejects/3s", {"line:anna": (Phone(status=603, after_s=3.0),)}),
        ("anna=dnd", {"line:anna": (Phone(status=480),)}),
        ("anna=600/2", {"line:anna": (Phone(status=600, after_s=2.0),)}),
        ("anna=silent", {"line:anna": (Phone(ringing_s=None),)}),
        ("anna=unreachable", {"line:anna": (Phone(status=0, after_s=4.0, ringing_s=None),)}),
        ("anna=outage", {"line:anna": ()}),
        ("anna=rings+busy", {"line:anna": (RINGS, Phone(status=486))}),
        ("trunk:carrier=503", {"trunk:carrier": (Phone(status=503),)}),
        ("trunk:carrier=full", {"trunk:carrier": (Phone(full=True),)}),
        (" user:anna = busy , line:ben=rings,", {"line:anna": (Phone(status=486),), "line:ben": (RINGS,)}),
        ("", {}),
    ],
)
def test_what_may_be_said_of_telephones(text: str, expected: dict[str, tuple[Phone, ...]]) -> None:
    assert phones(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anna", "write NAME=BEHAVIOUR"),
        ("anna=", "write NAME=BEHAVIOUR"),
        ("anna=bussy", "did you mean busy?"),
        ("anna=xyz", "Write one of answers, rings, silent"),
        ("anna=183", "SIP status"),
        ("anna=202", "SIP status"),
        ("anna=rings/5s", "rings has no time"),
        ("anna=outage/5s", "outage has no time"),
        ("anna=answers/soon", "write the time as 5s"),
        ("anna=answers/99999999m", "a day at the most"),
        ("anna=answers/-5s", "write the time as 5s"),
        ("anna=busy,anna=rings", "anna=rings+busy"),
        ("anna=rings+outage", "stand alone"),
        ("group:desk=busy", "trunk:NAME"),
        ("ana=busy", "there is no line ana; did you mean anna?"),
        ("trunk:carier=busy", "there is no trunk carier; did you mean trunk:carrier?"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ScriptError) as caught:
        phones(text, ("line:anna", "trunk:carrier"))
    assert said in str(caught.value)
