"""What is wrong in people and what they are called by: place, words, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import loader, propose, validate
from config.compile import compile_loaded
from config.inherit import Levels
from config.lint import warnings
from config.packed import decode, encode
from config.problems import ConfigError, Wrong
from config.validate import Loaded
from dialplan.destinations import Destination, To
from dialplan.groups import Strategy
from dialplan.lines import Others
from dialplan.routes import NO_ROUTES

US = "country: US\n"


def loaded(text: str) -> Loaded:
    return validate.validate(loader.read(text, "a.yaml"), Path())


def problems(text: str) -> list[str]:
    try:
        compile_loaded(loaded(US + text), "a", {"PIN": "2468"})
    except ConfigError as error:
        return [str(each) for each in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # FWD-3
        (
            "users: {a: {extension: 201, forward: {after: 9s}}}\n",
            "a.yaml:2:46: `after`: must be from 10s to 1m",
        ),
        ("users: {a: {extension: 201, forward: {after: 61s}}}\n", "a.yaml:2:46: `after`: must be from 10s to 1m"),
        (
            "users: {a: {extension: 201, forward: {after: 12.5s}}}\n",
            "a.yaml:2:46: `after`: must be whole seconds (write `12s`)",
        ),
        # EXT-3
        ("users: {a: {name: A}}\n", "a.yaml:2:9: `extension` is missing in `a`"),
        ("devices: {p: {secret: a-long-password}}\n", "a.yaml:2:11: `lines` is missing in `p`"),
        # EXT-2
        (
            'users: {a: {extension: 201, caller_id: "+16695550199"}}\ndids: {"+16695550100": a}\n',
            'a.yaml:2:40: `caller_id`: +16695550199 is no number of ours (claim it: write `"+16695550199": []` under '
            "`dids`)",
        ),
        (
            "licences: {standard: 1}\nusers:\n  a: {extension: 201, licence: standard}\n"
            "  b: {extension: 202, licence: standard}\n",
            "a.yaml:5:32: all 1 licences `standard` are used up (take one from somebody else, or write more under "
            "`licences`)",
        ),
        (
            "licences: {standard: 1}\nusers: {a: {extension: 201, licence: standart}}\n",
            "a.yaml:3:38: there is no licence `standart` (did you mean `standard`?)",
        ),
        # FWD-12
        (
            "users: {a: {extension: 201, forward: {busy: voicemail}}}\n",
            "a.yaml:2:45: `forward.busy`: voicemail is not enabled (write `voicemail: true` at `a`, or another "
            "destination)",
        ),
        (
            "account: {voicemail: true, closed: voicemail}\nusers: {a: {extension: 201, voicemail: false}}\n",
            "a.yaml:2:36: `closed`: voicemail of `a` is not enabled (write `closed: none` at `a`, or another "
            "destination)",
        ),
        (
            "account: {voicemail: true, forward: {busy: voicemail}}\ngroups: {g: {voicemail: false}}\n"
            "users: {a: {extension: 201, group: g}}\n",
            "a.yaml:2:44: `forward.busy`: voicemail of `a` is not enabled (write `forward: {busy: none}` at `g`, or "
            "another destination)",
        ),
        (
            "account: {closed: voicemail}\nusers: {a: {extension: 201}}\n",
            "a.yaml:2:19: `closed`: voicemail of `a` is not enabled (write `voicemail: true` at `account`, or another "
            "destination)",
        ),
        (
            'users: {a: {extension: 201}}\ndids: {"+16695550100": "voicemail:a"}\n',
            "a.yaml:3:24: voicemail of `a` is not enabled (write `voicemail: true` at `a`)",
        ),
        (
            'dids: {"+16695550100": voicemail}\n',
            "a.yaml:2:24: whose voicemail is not said (write `voicemail:NAME`)",
        ),
        (
            "sites: {paris: {operator: voicemail}}\n",
            "a.yaml:2:27: whose voicemail is not said (write `voicemail:NAME`)",
        ),
        # VIP-11
        (
            "users: {a: {extension: 201, vip: {others: me_first}}}\n",
            "a.yaml:2:43: `others: me_first` wants a delegate who may answer, and `a` has none "
            "(write `others: me_only` or `others: voicemail`, or name a delegate)",
        ),
        (
            "users:\n  a: {extension: 201, delegates: {user: b, privileges: place}, vip: {stage: 10s}}\n"
            "  b: {extension: 202}\n",
            "a.yaml:3:34: `delegates`: a list is wanted here (each item begins with `- ` and has keys such as `user`, "
            "`privileges`, `hours`)",
        ),
        (
            "users:\n  a: {extension: 201, delegates: [{user: b, privileges: place}], vip: {stage: 10s}}\n"
            "  b: {extension: 202}\n",
            "a.yaml:3:66: `others` left out wants a delegate who may answer, and `a` has none "
            "(write `others: me_only` or `others: voicemail`, or name a delegate)",
        ),
        # Names
        (
            "users: {a: {extension: 201, group: slaes}}\ngroups: {sales: {}}\n",
            "a.yaml:2:36: there is no group `slaes` (did you mean `sales`?)",
        ),
        (
            "users: {anna: {extension: 201, delegates: [ben, lobyb]}, ben: {extension: 202}}\n"
            "lines: {lobby: {extension: 203}}\n",
            "a.yaml:2:49: there is no user or line `lobyb` (did you mean `lobby`?)",
        ),
        (
            "users: {anna: {extension: 201, delegates: [anna]}}\n",
            "a.yaml:2:44: `anna` cannot be their own delegate",
        ),
        (
            "users: {anna: {extension: 201, forward: {busy: 202}}, ben: {extension: 202}}\n",
            "a.yaml:2:48: there is no user or line `202` (202 is `ben`)",
        ),
        (
            "users: {anna: {extension: 201, forward: {busy: desk}}}\n"
            "ring_groups: {desk: {extension: 300, members: anna}}\n",
            "a.yaml:2:48: there is no user or line `desk` (there is `ring_group:desk`, a ring group)",
        ),
        (
            "users: {anna: {extension: 201, forward: {busy: conference}}}\nconferences: {board: {extension: 700}}\n",
            "a.yaml:2:48: there is no user or line `conference` (write which: `conference:board`)",
        ),
        (
            "users: {anna: {extension: 201, hours: offcie}}\nhours: {office: {week: {mon: 08:00-17:00}}}\n",
            "a.yaml:2:39: there is no hours `offcie` (did you mean `office`?)",
        ),
        (
            "users: {lobby: {extension: 201}}\nlines: {lobby: {extension: 203}}\n",
            "a.yaml:3:9: `lobby` is a user already, at line 2 (names of their own, please)",
        ),
        (
            'attendants: {main: {choices: {1: "ring_group:front"}}}\nring_groups: {font: {members: a}}\n'
            "users: {a: {extension: 201}}\n",
            "a.yaml:2:34: there is no ring group `front` (did you mean `font`?)",
        ),
        # Destinations
        (
            'users: {a: {extension: 201, closed: "group:x"}}\n',
            "a.yaml:2:37: `closed`: there is no kind of destination `group` (write `ring_group:x`)",
        ),
        (
            'users: {a: {extension: 201, closed: "external:5550100"}}\n',
            "a.yaml:2:37: `closed`: an outside number is written with its country code (such as +12125550100)",
        ),
        (
            'users: {a: {extension: 201, closed: "announce:moo"}}\n',
            "a.yaml:2:37: `closed`: not something that can be played (`announce:tone:425` or `announce:file:NAME`)",
        ),
        # Numbers
        (
            "users: {a: {extension: 705}}\npark_lots: {main: {slots: 701-709}}\n",
            "a.yaml:3:27: 705 is already the extension of `a` (at line 2)",
        ),
        (
            "mailboxes: {desk: {extension: 201}}\nqueues: {help: {extension: 201}}\n",
            "a.yaml:3:28: 201 is already that of a mailbox, `desk` (at line 2)",
        ),
        (
            "park_lots: {main: {slots: 709-701}}\n",
            "a.yaml:2:27: `slots`: the two ends must be equally long, the smaller one first (such as 200-299)",
        ),
        (
            "features: {78: dnd_on}\n",
            'a.yaml:2:12: key `78`: a feature code begins with * or # (write `"*78"`)',
        ),
        ('features: {"*78": dnd}\n', "a.yaml:2:19: `*78`: must be"),
        # K.3
        (
            "sites: {paris: {country: FR, area_code: 1}}\n",
            "a.yaml:2:41: `area_code`: FR has no area codes (leave it out)",
        ),
        # Settings
        (
            "account: {permission: abroad}\n",
            "a.yaml:2:23: `permission`: must be `emergency`, `domestic` or `international`",
        ),
        ("account: {locked: [permision]}\n", "a.yaml:2:20: `locked`: must be"),
        ("account: {quotas: {calls: 0}}\n", "a.yaml:2:27: `calls`: must be a whole number from 1 to 100000, or `none`"),
        ("account: {country: FR}\n", "a.yaml:2:11: unknown key `country`"),
        # EXT-5, CST-2
        ("account_codes: {47x1: {name: A}}\n", "a.yaml:2:17: key `47x1`: an account code is made of 1 to 16 digits"),
        (
            "account_codes: {4711: {password: env:NIP}}\n",
            "a.yaml:2:34: `password`: the environment variable NIP is not set",
        ),
    ],
)
def test_what_is_wrong_where_and_what_to_write(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert found[0] == expected or (found[0].startswith(expected) and not expected.endswith(")"))


@pytest.mark.parametrize(("most", "account"), [(15, ""), (3, "account: {most_delegates: 3}\n")])
def test_del2_one_delegate_more_than_the_limit_is_refused_and_the_limit_is_named(most: int, account: str) -> None:
    def text(count: int) -> str:
        people = "".join(f"  d{n}: {{extension: {300 + n}}}\n" for n in range(count))
        names = ", ".join(f"d{n}" for n in range(count))
        return f"{account}users:\n{people}  a: {{extension: 201, delegates: [{names}]}}\n"

    assert problems(text(most)) == []
    assert [each.split(": ", 1)[1] for each in problems(text(most + 1))] == [
        f"`a` has more than {most} delegates (`account: most_delegates` is the limit)"
    ]


def test_del3_a_sixteenth_delegator_is_refused_for_users_and_common_area_telephones() -> None:
    for delegate in ("ben", "lobby"):
        people = "".join(f"  a{n}: {{extension: {300 + n}, delegates: [{delegate}]}}\n" for n in range(16))
        text = f"users:\n  ben: {{extension: 201}}\n{people}lines: {{lobby: {{extension: 202}}}}\n"
        fifteen = people.rpartition("  a15")[0]
        assert problems(text.replace(people, fifteen)) == []
        found = problems(text)
        assert [each.split(": ", 1)[1] for each in found] == [
            f"`{delegate}` is a delegate of more than 15 people (`account: most_delegators` is the limit)"
        ]
        assert found[0].startswith("a.yaml:19:")
        assert problems(f"account: {{most_delegators: 32}}\n{text}") == []


EVERYTHING = """\
time_zone: America/Los_Angeles
licences: {standard: 1}
sites: {paris: {name: Paris, time_zone: Europe/Paris, operator: anna, extensions: 200-299}}
users:
  anna:
    extension: 201
    site: paris
    licence: standard
    voicemail: true
    delegates: [ben, {user: lobby, privileges: [answer, monitor], hours: office, pending: true}]
    vip: {contacts: ["+46 70 1234567", ben], unanswered: stop, others: delegates_first, stage: 10s, attestation: true}
    call_limit: 2h
    hold_music: lounge.wav
  ben: {extension: 202, set_up: false, listed: false, quotas: {calls: none, cost_day: 12.50}}
lines: {lobby: {extension: 290, permission: emergency}}
hours: {office: {week: {mon-fri: 08:00-17:00}}}
ring_groups:
  desk:
    extension: 300
    name: Front desk
    site: paris
    strategy: random
    members: [anna, {user: ben, delay: 5s, weight: 2, ring: 10s}]
    ring: 40s
    turn: 20s
    skip_busy: true
    hours: office
    closed: "voicemail:desk"
    otherwise: "announce:tone:425"
extensions: {310: {lines: [anna, ben]}}
attendants: {main: {extension: 400, greeting: hi.wav, choices: {1: "ring_group:desk", "*": echo, timeout: anna}}}
mailboxes: {desk: {extension: 590}}
queues: {support: {extension: 500, members: [anna], overflow: "voicemail:desk"}}
conferences: {board: {extension: 600}}
park_lots: {main: {extension: 700, slots: 701-709}}
features: {"*78": dnd_on, "*97": voicemail}
account_codes: {"4711": {name: Client A, password: env:PIN}, 0815: {}}
dids: {"+16695550101": anna, "+16695550200": "attendant:main", "+16695550300": [anna, ben], "+16695550400": []}
"""


def test_everything_that_is_called_comes_into_the_model() -> None:
    compiled = compile_loaded(loaded(US + EVERYTHING), "a", {"PIN": "2468"})
    model = compiled.model
    anna, ben = model.lines["anna"], model.lines["ben"]
    first, second = anna.delegates
    assert first.place and first.answer and first.pickup and not first.monitor and not first.pending
    assert (second.line, second.hours, second.answer, second.place, second.monitor) == (
        "lobby",
        "office",
        True,
        False,
        True,
    )
    assert second.pending and model.serves == {"ben": ("anna",), "lobby": ("anna",)}
    assert anna.vip is not None and anna.vip.contacts == {"+46701234567", "ben"} and not anna.vip.then_delegates
    assert anna.vip.others is Others.DELEGATES_FIRST and anna.vip.stage_s == 10 and anna.vip.attested
    assert anna.policy.limit_s == 7200 and anna.policy.hold_music == "lounge.wav" and anna.policy.owner == "anna"
    assert not ben.set_up and not ben.listed and ben.outside.quotas.calls == 0
    assert ben.outside.quotas.cost_day == 12_500_000
    desk = model.ring_groups["desk"]
    assert desk.strategy is Strategy.RANDOM and desk.time_zone == "Europe/Paris" and desk.skip_busy
    assert (desk.members[1].delay_s, desk.members[1].weight, desk.members[1].ring_s) == (5, 2, 10)
    assert (desk.ring_s, desk.turn_s, desk.hours) == (40, 20, "office")
    assert desk.closed == Destination(To.VOICEMAIL, "desk") and desk.otherwise == Destination(To.ANNOUNCE, "tone:425")
    assert [each.line for each in model.ring_groups["310"].members] == ["anna", "ben"]
    assert model.attendants["main"].choices["*"] == Destination(To.ECHO)
    assert set(model.mailboxes) == {"anna", "desk"} and model.sites["paris"].operator == Destination(To.USER, "anna")
    kinds = {number: str(to) for number, to in model.extensions.items()}
    assert kinds == {
        "201": "user:anna",
        "202": "user:ben",
        "290": "user:lobby",
        "300": "ring_group:desk",
        "310": "ring_group:310",
        "400": "attendant:main",
        "500": "queue:support",
        "590": "voicemail:desk",
        "600": "conference:board",
        "700": "park:main",
    }
    assert (model.park_lots["main"].first, model.park_lots["main"].last) == ("701", "709")
    assert model.claimed - set(model.dids) == {"+16695550400"} and str(model.dids["+16695550300"]).startswith(
        "ring_group:"
    )
    assert model.accounts["4711"].password and not model.accounts["0815"].password
    assert (
        model.origins["user:anna.delegates.lobby"].line == 11
        and model.origins["ring_group:desk.members.ben"].line == 24
    )
    assert {"user:anna.vip", "user:anna.vip.contacts", "ring_group:desk.closed", "voicemail:desk"} <= set(model.origins)


def test_cst4_the_password_of_an_account_code_is_kept_hashed_beside_the_model_and_shown_nowhere() -> None:
    compiled = compile_loaded(loaded(US + EVERYTHING), "a", {"PIN": "2468"})
    again = decode(encode(compiled))
    (code,) = again.account_codes
    assert code.code == "4711" and code.fits("2468") and not code.fits("2469")
    assert b"2468" not in encode(compiled) and code.hash not in repr(compiled)
    other = compile_loaded(loaded(US + EVERYTHING), "a", {"PIN": "9999"})
    assert other.model.version == compiled.model.version and other.version != compiled.version
    assert compile_loaded(loaded(US + EVERYTHING), "a", {"PIN": "2468"}).version == compiled.version


def test_ext4_the_proposed_extension_is_the_lowest_that_is_free_and_means_nothing_else() -> None:
    text = (
        "sites: {one: {extensions: 908-913}, two: {extensions: 100-115, country: GB}, three: {}}\n"
        "users: {a: {extension: 908}}\nservices: {909: echo}\npark_lots: {p: {slots: 100-107}}\n"
    )
    # 910 is free, 911 help; in Britain 112 is, 111 and 101 are services, and 118 begins many.
    found = loaded(US + text)
    assert propose.extension(found, "one") == "910"
    assert propose.extension(loaded(US + text + "lines: {b: {extension: 910}}\n"), "one") == "912"
    assert propose.extension(found, "two") == "108"
    with pytest.raises(Wrong, match="no number from 908 to 910 is free"):
        propose.extension(loaded(US + text.replace("908-913", "908-910") + "lines: {b: {extension: 910}}\n"), "one")
    with pytest.raises(Wrong, match="no range"):
        propose.extension(found, "three")
    with pytest.raises(Wrong) as caught:
        propose.extension(found, "on")
    assert caught.value.hint == "did you mean `one`?"
    prefixed = loaded(US + "outside_prefix: 9\n" + text.replace("908-913", "899-913"))
    assert propose.extension(prefixed, "one") == "899"


def test_warnings_of_people_who_are_not_finished() -> None:
    text = (
        "trunks: {t: {host: sip.example.com}}\ndefault_trunk: t\n"
        'sites: {paris: {extensions: 200-299}}\ndids: {"+16695550100": anna}\n'
        "users:\n  anna: {extension: 201, site: paris}\n  ben: {extension: 305, site: paris}\n"
        "devices: {p: {secret: env:A, lines: anna}}\n"
    )
    found = loaded(US + text)
    assert [str(each) for each in warnings(found, Levels(found), NO_ROUTES)] == [
        "a.yaml:8:3: user `ben` has no phone number (let one of `dids` lead there, or give a `caller_id`)",
        "a.yaml:8:20: 305 is outside of the range of site `paris`, 200-299 "
        "(`ringplan extension propose --site paris` names a free one)",
        "a.yaml:8:3: no device carries user `ben`, who can never be rung (a telephone under `devices` has `lines`)",
    ]


def test_hours_of_nowhere_are_told_of_once_and_never_where_a_zone_is_given() -> None:
    text = (
        "hours: {office: {week: {mon: 08:00-17:00}}}\nmailboxes: {m: {}}\n"
        'queues: {q: {extension: 500, members: a, hours: office, closed: "voicemail:m"}}\n'
        'users: {a: {extension: 201, hours: office, closed: "voicemail:m"}}\n'
        "devices: {p: {secret: a-long-password, lines: a}}\n"
    )

    def told(more: str, text: str = text) -> list[str]:
        found = loaded(US + text + more)
        return [str(each) for each in warnings(found, Levels(found), NO_ROUTES) if each.code == "no-zone"]

    assert told("") == [
        "a.yaml:2:9: `office` is read in UTC (write `time_zone` at the top, at a site, or in these hours)"
    ]
    assert told("time_zone: Europe/Paris\n") == []
    assert told("", text.replace("office: {week", "office: {time_zone: UTC, week")) == []
