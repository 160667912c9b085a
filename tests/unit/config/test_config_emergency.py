"""Emergency calls in the configuration: addresses by level, trunks and people by site, errors with their place,
warnings (EMG-1 to EMG-7, K.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import loader, validate
from config.compile import compile_loaded
from config.compiled import Compiled
from config.packed import decode, encode
from config.problems import ConfigError
from dialplan.emergency import dialled
from dialplan.model import EmergencyPlace

COMPANY = """\
country: US
addresses:
  office: {street: Market Street, number: 500, city: San Francisco, state: CA, caller_id: "+16695550100"}
  lobby: {street: Market Street, number: 500, room: lobby, city: San Francisco, state: CA}
  home: {street: Elm Street, number: 12, city: Oakland, state: CA, latitude: 37.8, longitude: -122.2}
  paris: {building: Tour Nord, city: Paris, country: FR, caller_id: "+33199000100"}
sites:
  sf: {address: office, emergency: {notify: [anna, guard@example.com], trunks: second, extra: ["5000"]}}
  paris: {country: FR, address: paris}
users:
  anna: {extension: 201, site: sf, email: anna@example.com}
  ben: {extension: 202, site: sf, address: home}
  claire: {extension: 203, site: paris}
lines:
  hall: {extension: 290, site: sf}
devices:
  anna-desk: {secret: env:A, lines: anna}
  ben-home: {secret: env:A, lines: ben}
  ben-paris: {secret: env:A, lines: ben, site: paris}
  claire-desk: {secret: env:A, lines: claire}
  hall-wall: {secret: env:A, lines: [hall, anna], name: Hall phone, address: lobby}
trunks:
  first: {host: 192.0.2.1, caller_id: "+16695550100"}
  second: {host: 192.0.2.2, emergency: {urn: true, location: true}}
  third: {host: 192.0.2.3}
default_trunk: first
dids: {"+16695550100": anna, "+16695550102": ben, "+33199000100": [], "+16695550190": hall}
emergency: {trunks: third, notify: "line@example.com"}
mail: {host: mail.example.com, from: pbx@example.com, username: pbx, secret: env:A}
"""


def read(text: str) -> Compiled:
    loaded = validate.validate(loader.read(text, "a.yaml"), Path())
    return compile_loaded(loaded, "a.yaml", {"A": "a long secret of ours"})


def found(text: str) -> list[str]:
    return [
        str(each) for each in read(text).warnings if each.code in ("no-address", "no-callback", "no-mail", "unused")
    ]


def place(name: str) -> EmergencyPlace:
    return read(COMPANY).model.emergency.places[name]


@pytest.mark.parametrize(
    ("device", "address", "shown"),
    [
        ("anna-desk", "office", "+16695550100"),  # the site's, and the number registered for it
        ("ben-home", "home", "+16695550102"),  # the user's own (EMG-3); no number of its own, so that of the DID
        ("ben-paris", "paris", "+33199000100"),  # it does not stand where its user is
        ("claire-desk", "paris", "+33199000100"),
        ("hall-wall", "lobby", "+16695550190"),  # the device's (EMG-4)
    ],
)
def test_where_a_telephone_is_and_which_number_it_shows(device: str, address: str, shown: str) -> None:
    """EMG-1 to EMG-4."""
    known = place(device)
    assert (known.address, known.caller_id) == (address, shown)


def test_a_site_has_its_own_trunks_people_and_numbers_before_the_accounts() -> None:
    """EMG-6, EMG-7, K.4."""
    table = read(COMPANY).model.emergency
    desk, paris = table.places["anna-desk"], table.places["claire-desk"]
    assert desk.trunks == ("second", "third", "first")
    assert paris.trunks == () and table.trunks == ("third", "first", "second")
    assert desk.notify == (
        "line:anna", "mail:anna@example.com", "mail:guard@example.com", "mail:line@example.com",
    )  # fmt: skip
    assert paris.notify == table.elsewhere.notify == ("mail:line@example.com",)
    assert "5000" in desk.numbers and "5000" not in paris.numbers
    assert table.places["hall-wall"].device == "Hall phone" and desk.device == "anna-desk"
    assert table.addresses["paris"].country == "FR" and table.addresses["lobby"].country == "US"
    assert table.addresses["lobby"].told() == "lobby, 500 Market Street, San Francisco CA, US"


def test_911_works_with_nine_before_it_where_no_outside_prefix_is_written() -> None:
    """EMG-5, and only in North America: elsewhere 9112 may be anything."""
    table = read(COMPANY).model.emergency
    assert dialled(table, "9911", "anna-desk") == "911" and dialled(table, "9933", "anna-desk") == "933"
    assert dialled(table, "9112", "claire-desk") == ""
    own = read("outside_prefix: 0\n" + COMPANY).model.emergency
    assert dialled(own, "0911", "anna-desk") == "911" and dialled(own, "0112", "claire-desk") == "112"


def test_911_works_with_nine_before_it_whatever_the_outside_prefix_is() -> None:
    """EMG-5; and an extension that cannot be dialled for it is told."""
    text = COMPANY.replace("extension: 202", "extension: 9911") + 'outside_prefix: "8"\n'
    compiled = read(text)
    table = compiled.model.emergency
    assert [dialled(table, each, "ben-home") for each in ("8911", "9911", "911", "7911")] == ["911", "911", "911", ""]
    assert dialled(table, "99112", "claire-desk") == "" and dialled(table, "815", "claire-desk") == "15"
    assert "shadowed-emergency" in {each.code for each in compiled.warnings}


def test_codes_that_hide_the_caller_may_stand_before_the_number() -> None:
    """OUT-6; and 15 calls for help before it is known that the telephone is the one in Paris."""
    table = read(
        COMPANY + 'features: {"*6": hide_caller_id, "*67": show_caller_id, "*72": forward_always}\n'
    ).model.emergency
    assert table.codes == ("*67", "*6")
    assert [dialled(table, each, "ben-home") for each in ("*67911", "*6911", "*72911")] == ["911", "911", ""]
    assert (dialled(table, "15", None), dialled(table, "15", "ben-home"), dialled(table, "15", "claire-desk")) == (
        "15",
        "",
        "15",
    )


def test_how_carriers_take_it_and_how_mail_is_sent() -> None:
    made = read(COMPANY)
    by_name = {trunk.id: trunk for trunk in made.trunks}
    assert by_name["second"].emergency_urn and by_name["second"].emergency_location
    assert not by_name["first"].emergency_urn and not by_name["first"].emergency_location
    assert made.mail is not None and (made.mail.port, made.mail.tls, made.mail.user) == (587, "start", "pbx")
    assert decode(encode(made)) == made


def test_such_a_company_gives_no_finding() -> None:
    assert found(COMPANY) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("address: office,", "address: offise,", "a.yaml:8:17: there is no address `offise` (did you mean `office`?)"),
        (", address: home}", ", address: hom}", "a.yaml:12:44: there is no address `hom` (did you mean `home`?)"),
        ("address: lobby}", "address: loby}", "a.yaml:21:78: there is no address `loby` (did you mean `lobby`?)"),
        ("notify: [anna,", "notify: [annna,", "there is no user or line `annna` (did you mean `anna`?)"),
        ("guard@example.com", "guard@example", "an e-mail address is wanted here (such as anna@example.com)"),
        ("trunks: second,", "trunks: secnd,", "there is no trunk `secnd` (did you mean `second`?)"),
        ("room: lobby, city: San Francisco,", "room: lobby,", "a.yaml:4:3: `city` is missing in `lobby`"),
        (", longitude: -122.2", "", "a.yaml:5:3: `longitude` is missing in `home` (a point on the map has both)"),
        ("latitude: 37.8", "latitude: 97.8", "degrees are wanted here, from -90 to 90 (such as 37.7936)"),
        (
            'CA, caller_id: "+16695550100"',
            'CA, caller_id: "+16695550111"',
            "`caller_id`: +16695550111 is no number of ours",
        ),
        (", username: pbx", "", "`username` is missing in `mail` (whose `secret` it is)"),
        ("secret: env:A}\n", "secret: env:A, tls: never}\n", "`tls: never` would send the password for all to read"),
        ("from: pbx@example.com, ", "", "`from` is missing in `mail`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in COMPANY
    last = COMPANY.rindex(old) if old.startswith("secret") else COMPANY.index(old)
    with pytest.raises(ConfigError) as caught:
        read(COMPANY[:last] + new + COMPANY[last + len(old) :])
    (problem,) = map(str, caught.value.problems)
    assert expected in problem


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{address: office,", "{", "nobody knows where to send help to device `anna-desk`"),
        (', "+16695550190": hall', "", "a.yaml:21:3: the emergency service cannot call back who calls from device"),
        ("mail: {host", "#mail: {host", "nobody can be told by e-mail: there is no `mail:`"),
        (", address: lobby}", "}", "a.yaml:4:3: no telephone is at address `lobby`"),
    ],
)
def test_what_is_surely_not_meant_is_warned_of(old: str, new: str, expected: str) -> None:
    assert old in COMPANY
    assert any(expected in each for each in found(COMPANY.replace(old, new, 1))), found(COMPANY.replace(old, new, 1))


def test_one_finding_tells_of_many_telephones() -> None:
    text = COMPANY.replace("address: office,", "").replace(", address: lobby}", "}").replace("address: paris", "")
    (told,) = [each for each in found(text) if "send help" in each]
    assert "`anna-desk` and 3 more" in told
