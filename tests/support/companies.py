"""Companies by chance, as the operator's YAML: for the benchmarks of compiling and planning, and for properties.

`company(users=…, seed=…)` is a sound company of that size, with something in every section: whoever reads it finds no
error and no warning. The same arguments give the same text. Routes by the thousand are left to who wants them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

SITES = (
    ("paris", "FR", "", "Europe/Paris"),
    ("london", "GB", "20", "Europe/London"),
    ("berlin", "DE", "", "Europe/Berlin"),
    ("boston", "US", "617", "America/New_York"),
    ("sevilla", "ES", "", "Europe/Madrid"),
)
GROUPS = ("sales", "support", "office", "board")
FIRST = 20000
CONDITIONS = ("busy", "no_answer", "outage")
AWAY = 9
"""Of ten users, who may send every call on; these are in no group, so that somebody always rings."""

_Site = tuple[str, str, str, str]


def company(*, users: int, seed: int = 0) -> str:
    """The YAML of a company with so many users (1 to 14,000)."""
    chance = random.Random(seed)
    count = chance.randint(1, len(SITES)) if users >= 10 else 1
    sites = chance.sample(SITES, count)
    block = 70000 // count
    names = [f"u{n:05}" for n in range(users)]
    at = [n if n < count else chance.randrange(count) for n in range(users)]
    groups: list[str] = [chance.choice((*GROUPS, "", "")) for _ in names]
    text = [_top(chance), _sites(sites, block), _groups(chance, sites, sorted({*groups} - {""}))]
    text.append(_users(chance, names, [(sites[n], FIRST + n * block) for n in at], groups))
    text.append("devices:\n")
    text += [
        f"  p-{name}: {{secret: a-long-secret-of-{name}, lines: [{name}{', lobby' if not n else ''}]"
        f"{f', site: {sites[at[n]][0]}' if n % 4 == 1 else ''}}}\n"
        for n, name in enumerate(names)
    ]
    text += [_called(chance, names), _outside(chance), _numbers(names)]
    return "".join(text)


def _top(chance: random.Random) -> str:
    lines = ["country: US\n", 'area_code: "669"\n', "time_zone: America/Los_Angeles\n"]
    account = ["voicemail: true", f"permission: {chance.choice(('domestic', 'international'))}"]
    if chance.random() < 0.5:
        account.append("forward: {no_answer: voicemail, after: 20s}")
    if chance.random() < 0.3:
        account.append(f"quotas: {{calls: {chance.randint(2, 9)}}}")
    if chance.random() < 0.5:
        account.append("hours: office\n  closed: voicemail")
    if chance.random() < 0.3:
        account.append("account_code: true")
    if chance.random() < 0.3:
        account.append("call_limit: 2h\n  locked: [call_limit]")
    lines.append("account:\n  " + "\n  ".join(account) + "\n")
    calendar = chance.choice(("", ", holidays: [ours]", ", holidays: [ours, US]"))
    lines.append(f"hours:\n  office: {{week: {{mon-fri: 08:00-18:00}}{calendar}}}\n")
    zone = chance.choice(("", ", time_zone: Europe/Paris"))
    lines.append(f"  late: {{week: {{mon-sat: [07:00-12:00, 13:00-22:00]}}{zone}}}\n")
    if calendar:
        lines.append("holidays:\n  ours: {12-24: 09:00-12:00, 12-27..12-30: closed}\n")
    lines.append("licences: {full: 20000, basic: 20000}\n")
    return "".join(lines)


def _sites(sites: Sequence[_Site], block: int) -> str:
    text = ["sites:\n"]
    for n, (name, country, area, zone) in enumerate(sites):
        first = FIRST + n * block
        code = f', area_code: "{area}"' if area else ""
        operator = ', operator: "ring_group:front"' if n % 2 else ""
        text.append(
            f"  {name}: {{country: {country}{code}, time_zone: {zone}, extensions: {first}-{first + block - 1}"
            f"{operator}, address: hq}}\n"
        )
    return "".join(text)


def _groups(chance: random.Random, sites: Sequence[_Site], names: Sequence[str]) -> str:
    text = ["groups:\n"]
    for name in names:
        keys = [f"site: {chance.choice(sites)[0]}"]
        if chance.random() < 0.4:
            keys.append(f"hours: {chance.choice(('office', 'late'))}")
            keys.append("closed: voicemail")
        if chance.random() < 0.4:
            keys.append("record: {automatic: [inbound], announce: all}")
        if chance.random() < 0.3:
            keys.append("locked: [hold_music]")
        text.append(f"  {name}: {{{', '.join(keys)}}}\n")
    return "".join(text)


def _users(chance: random.Random, names: list[str], places: list[tuple[_Site, int]], groups: list[str]) -> str:
    text = ["users:\n"]
    free: dict[str, int] = {}
    for n, name in enumerate(names):
        (site, *_), first = places[n]
        number = free.get(site, first)
        free[site] = number + 1
        keys = [f"name: Person {n}", f"extension: {number}", f"site: {site}"]
        if groups[n]:
            keys.append(f"group: {groups[n]}")
        if n % 10 == AWAY:
            keys.append(f'forward: {{always: "{chance.choice(("voicemail", "ring_group:front", "attendant:main"))}"}}')
        elif chance.random() < 0.3:
            keys.append(f"forward: {{{_forward(chance, n)}}}")
        if n > 3 and chance.random() < 0.05:
            keys.append(_delegation(chance, names[:n]))
        if chance.random() < 0.1:
            keys.append(f"ring: {chance.randint(10, 60)}s")
        if chance.random() < 0.1:
            keys.append(f"licence: {chance.choice(('full', 'basic'))}")
        if chance.random() < 0.05:
            keys.append("permission: emergency, hide_caller_id: true")
        if chance.random() < 0.05:
            keys.append("hours: late, closed: voicemail, call_waiting: false, calls: 2")
        text.append(f"  {name}: {{{', '.join(keys)}}}\n")
    text.append("lines:\n  lobby: {extension: 90000, permission: emergency}\n")
    return "".join(text)


def _forward(chance: random.Random, n: int) -> str:
    """Every third forwards to users, and only to such as do not: nothing turns in circles, and no chain is long."""
    to = ["voicemail", "+16695550199", "ring_group:front"]
    if n > 2 and n % 3 == 0:
        to.append(f"u{3 * chance.randrange(n // 3) + 1:05}")
    return ", ".join(f'{each}: "{chance.choice(to)}"' for each in chance.sample(CONDITIONS, chance.randint(1, 3)))


def _delegation(chance: random.Random, others: list[str]) -> str:
    first, *more = chance.sample(others, min(len(others), chance.randint(1, 3)))
    rest = [f", {{user: {each}, {chance.choice(_DELEGATES)}}}" for each in more]
    text = f"delegates: [{first}{''.join(rest)}]"
    if chance.random() < 0.5:
        treatment = chance.choice(("all", "delegates_first", "me_first", "delegates_only", "me_only", "voicemail"))
        text += (
            f', vip: {{contacts: ["+46701234567", {chance.choice(others)}], others: {treatment}, '
            f"stage: {chance.randint(10, 60)}s, unanswered: {chance.choice(('stop', 'delegates'))}}}"
        )
    return text


_DELEGATES = ("pending: true", "hours: late", "privileges: [answer]", "privileges: [place, monitor]")


def _called(chance: random.Random, names: list[str]) -> str:
    text = ["ring_groups:\n"]
    ringing = [name for n, name in enumerate(names) if n % 10 != AWAY]
    for n, name in enumerate(["front", *(f"team{n}" for n in range(len(names) // 20))]):
        members = chance.sample(ringing, min(len(ringing), chance.randint(1, 8)))
        strategy = chance.choice(("all", "order", "rotating", "longest_idle", "random"))
        key = {"all": "delay: 5s", "random": "weight: 3"}.get(strategy)
        written = [f"{{user: {each}, {key}}}" if key and chance.random() < 0.2 else each for each in members]
        text.append(
            f"  {name}: {{extension: {91000 + n}, strategy: {strategy}, members: [{', '.join(written)}], ring: 40s, "
            f'otherwise: "voicemail:shared"}}\n'
        )
    text.append(f"extensions: {{90005: {{name: All, lines: [{ringing[0]}, lobby]}}}}\n")
    text.append("mailboxes:\n  shared: {extension: 90001}\n")
    text.append(
        'attendants:\n  main: {extension: 90002, say: Welcome., hours: office, closed: "voicemail:shared", '
        'choices: {1: "ring_group:front", 2: "queue:help", timeout: "ring_group:front"}}\n'
    )
    text.append(
        f"queues:\n  help: {{extension: 90003, hours: late, closed: none, members: [{names[0]}], "
        'overflow: "voicemail:shared"}\n'
    )
    text.append("conferences:\n  board: {extension: 90004}\n")
    text.append("park_lots:\n  main: {extension: 90010, slots: 90011-90019}\n")
    text.append("services: {90006: echo, 90007: tone:425}\n")
    text.append('features: {"*78": dnd_on, "*79": dnd_off, "*97": voicemail, "*11": account_code}\n')
    text.append("account_codes: {4711: {name: Client A}, 4712: {name: Client B}}\n")
    return "".join(text)


def _outside(chance: random.Random) -> str:
    two = chance.random() < 0.5
    text = ["trunks:\n  carrier: {host: sip.example.com, caller_id: +16695550100, channels: 30}\n"]
    if two:
        text.append("  abroad: {host: sip.example.net, numbers: digits, failover: [503]}\n")
    text.append("default_trunk: carrier\n")
    place = 'street: Market Street, number: 500, city: San Jose, state: CA, caller_id: "+16695550100"'
    text.append(f"addresses: {{hq: {{{place}}}}}\n")
    if two:
        text.append('routes:\n  europe: {prefix: ["+33", "+44", "+49"], trunks: [abroad, carrier], hours: office}\n')
        text.append("  spain: {prefix: +34, trunk: abroad, priority: 1, cost: 0.02}\n")
    if chance.random() < 0.3:
        text.append('emergency: {trunks: carrier, extra: ["90099"]}\n')
    return "".join(text)


def _numbers(names: list[str]) -> str:
    text = ['dids:\n  "+16695550100": "attendant:main"\n  "+16695550199": []\n']
    text += [f'  "+1669{5600000 + n}": {name}\n' for n, name in enumerate(names) if n % 2]
    if len(names) > 1:
        text.append(f'  "+16695550101": [{names[0]}, {names[1]}]\n')
    return "".join(text)
