"""What `explain` and `tell` say of a menu in which internal numbers and names can be dialled."""

from __future__ import annotations

import datetime

from msgspec import structs

from dialplan import english, telling
from dialplan.model import Model
from tests.unit.dialplan.test_dialplan_explanation import Caller, example, explained

OPEN = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


def company(dial_extension: bool) -> Model:
    model = example()
    main = structs.replace(model.attendants["main"], dial_extension=dial_extension, directory="9")
    return structs.replace(model, attendants={**model.attendants, "main": main})


def services(dial_extension: bool) -> list[str]:
    found = explained(company(dial_extension), "+16695550100", Caller(trunk="pacific"), presses=("4400", "0"))
    return [each.detail for each in found.events if each.what == "service"]


def test_an_internal_number_is_followed_where_it_may_be_dialled() -> None:
    """4400 is that of the menu in Paris, which is closed at the time: its calls go to the front desk's mailbox."""
    assert services(True) == ["attendant:main", "voicemail:front"]
    assert services(False) == ["attendant:main"]


def test_it_is_told_that_names_and_numbers_can_be_dialled() -> None:
    model = company(True)
    said = english.text(telling.tell(model, telling.destination(model, "main"), OPEN))
    assert "  If the caller presses 9, the name of somebody who is listed can be spelled." in said
    assert "  Callers may dial the internal number of whom they want." in said
