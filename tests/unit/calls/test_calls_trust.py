"""Which identity and history headers cross from leg to leg (RFC 3324, RFC 3325), line by line as the operator's guide
has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from switch.calls.trust import POLICY, Deed, Side, deed
from switch.sip.headers import header_key

GUIDE = Path(__file__).parents[3] / "docs" / "identity.md"


def rows() -> dict[str, list[list[str]]]:
    """The table in the guide: by header, three groups of three words."""
    found = {}
    for line in GUIDE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`[\w-]+`", cells[0]):
            found[cells[0].strip("`")] = [cell.split() for cell in cells[1:]]
    return found


def test_the_guide_has_the_policy() -> None:
    told = {name: [[str(each) for each in group] for group in groups] for name, groups in POLICY.items()}
    assert rows() == told


@pytest.mark.parametrize("header", POLICY)
def test_every_row_is_whole_and_of_a_known_header(header: str) -> None:
    assert header_key(header)
    assert [len(group) for group in POLICY[header]] == [3, 3, 3]


PHONE, TRUSTED, OTHER = Side.TELEPHONE, Side.TRUSTED, Side.CARRIER


@pytest.mark.parametrize("receiver", Side)
def test_what_nobody_has_verified_goes_to_nobody(receiver: Side) -> None:
    for sender in Side:
        for header in ("Identity", "Alert-Info", "Call-Info", "P-Charging-Vector", "X-Unknown"):
            assert deed(header, sender, receiver) is Deed.DROP
    assert deed("P-Asserted-Identity", OTHER, receiver) is Deed.DROP


def test_no_identity_is_repeated_as_it_came() -> None:
    """IDN-3: what is told of a caller is what we know of him."""
    for header in (
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Remote-Party-ID",
        "Privacy",
        "Diversion",
        "Referred-By",
    ):
        assert {each for group in POLICY[header] for each in group} <= {Deed.MAKE, Deed.DROP}
