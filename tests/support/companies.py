"""Companies by chance, as the operator's YAML: for the benchmarks of compiling and planning, and for properties.

`company(users=…, seed=…)` is a sound company of that size: whoever reads it finds no error and no warning. The same
arguments give the same text. Routes are left to who wants them.
"""

from __future__ import annotations

import random

SITES = (
    ("paris", "FR", "", "Europe/Paris"),
    ("london", "GB", "20", "Europe/London"),
    ("berlin", "DE", "", "Europe/Berlin"),
    ("boston", "US", "617", "America/New_York"),
    ("sevilla", "ES", "", "Europe/Madrid"),
)
FIRST = 20000
CONDITIONS = ("busy", "no_answer", "outage")


def company(*, users: int, seed: int = 0) -> str:
    """The YAML of a company with so many users (1 to 14,000)."""
    chance = random.Random(seed)
    count = chance.randint(1, len(SITES)) if users >= 10 else 1
    sites = chance.sample(SITES, count)
    names = [f"u{n:05}" for n in range(users)]
    block = 70000 // count
    text = [_top(chance), _sites(sites, block), _groups(chance, sites)]
    text.append(_users(chance, names, sites, block))
    text.append("devices:\n")
    text += [
        f"  p-{name}: {{secret: a-long-secret-of-{name}, lines: [{name}{', lobby' if not n else ''}]}}\n"
        for n, name in enumerate(names)
    ]
    text.append(_called(chance, names))
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
    lines.append("account:\n  " + "\n  ".join(account) + "\n")
    lines.append("hours:\n  office: {week: {mon-fri: 08:00-18:00}}\n")
    lines.append("  late: {week: {mon-sat: [07:00-12:00, 13:00-22:00]}}\n")
    lines.append("trunks:\n  carrier: {host: sip.example.com, caller_id: +16695550100}\n")
    lines.append("default_trunk: carrier\n")
    return "".join(lines)


def _sites(sites: list[tuple[str, str, str, str]], block: int) -> str:
    text = ["sites:\n"]
    for n, (name, country, area, zone) in enumerate(sites):
        first = FIRST + n * block
        code = f', area_code: "{area}"' if area else ""
        text.append(
            f"  {name}: {{country: {country}{code}, time_zone: {zone}, extensions: {first}-{first + block - 1}}}\n"
        )
    return "".join(text)


def _groups(chance: random.Random, sites: list[tuple[str, str, str, str]]) -> str:
    text = ["groups:\n"]
    for name in ("sales", "support", "office", "board"):
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


def _users(chance: random.Random, names: list[str], sites: list[tuple[str, str, str, str]], block: int) -> str:
    text = ["users:\n"]
    free = [FIRST + n * block for n in range(len(sites))]
    for n, name in enumerate(names):
        at = chance.randrange(len(sites))
        number, free[at] = free[at], free[at] + 1
        keys = [f"name: Person {n}", f"extension: {number}", f"site: {sites[at][0]}"]
        if chance.random() < 0.7:
            keys.append(f"group: {chance.choice(('sales', 'support', 'office', 'board'))}")
        if chance.random() < 0.3:
            keys.append(f"forward: {{{_forward(chance, n)}}}")
        if n > 3 and chance.random() < 0.05:
            keys.append(_delegation(chance, names[:n]))
        if chance.random() < 0.1:
            keys.append(f"ring: {chance.randint(10, 60)}s")
        text.append(f"  {name}: {{{', '.join(keys)}}}\n")
    text.append("lines:\n  lobby: {extension: 90000, permission: emergency}\n")
    return "".join(text)


def _forward(chance: random.Random, n: int) -> str:
    """Forwards to users go to those before, and the first one's to none, so that nothing turns in circles."""
    to = ["voicemail", "+16695550199", "ring_group:front"] + ([f"u{chance.randrange(n):05}"] if n else [])
    return ", ".join(f'{each}: "{chance.choice(to)}"' for each in chance.sample(CONDITIONS, chance.randint(1, 3)))


def _delegation(chance: random.Random, others: list[str]) -> str:
    delegates = chance.sample(others, min(len(others), chance.randint(1, 3)))
    text = f"delegates: [{', '.join(delegates)}]"
    if chance.random() < 0.5:
        treatment = chance.choice(("all", "delegates_first", "me_first", "delegates_only", "me_only", "voicemail"))
        text += f', vip: {{contacts: ["+46701234567", {chance.choice(others)}], others: {treatment}}}'
    return text


def _called(chance: random.Random, names: list[str]) -> str:
    text = ["ring_groups:\n"]
    for n, name in enumerate(["front", *(f"team{n}" for n in range(len(names) // 20))]):
        members = chance.sample(names, min(len(names), chance.randint(1, 8)))
        strategy = chance.choice(("all", "order", "rotating", "longest_idle", "random"))
        delays = [chance.randint(0, 9) if chance.random() < 0.2 else 0 for _ in members]
        written = [
            f"{{user: {each}, delay: {delay}s}}" if delay else each for each, delay in zip(members, delays, strict=True)
        ]
        text.append(
            f"  {name}: {{extension: {91000 + n}, strategy: {strategy}, members: [{', '.join(written)}], ring: 40s, "
            f'otherwise: "voicemail:shared"}}\n'
        )
    text.append("mailboxes:\n  shared: {extension: 90001}\n")
    text.append(
        'attendants:\n  main: {extension: 90002, greeting: welcome.wav, hours: office, closed: "voicemail:shared", '
        'choices: {1: "ring_group:front", timeout: "ring_group:front"}}\n'
    )
    text.append(f'queues:\n  help: {{extension: 90003, members: [{names[0]}], overflow: "voicemail:shared"}}\n')
    text.append("conferences:\n  board: {extension: 90004}\n")
    text.append("park_lots:\n  main: {extension: 90010, slots: 90011-90019}\n")
    text.append('features: {"*78": dnd_on, "*79": dnd_off, "*97": voicemail}\n')
    text.append('dids:\n  "+16695550100": "attendant:main"\n  "+16695550199": []\n')
    text += [f'  "+1669{5600000 + n}": {name}\n' for n, name in enumerate(names) if n % 2]
    return "".join(text)
