"""The sentences of `telling` in English: one whole sentence for each pair of when and what.

Another language is another module with a `sentence` of its own. English puts a condition in front and leaves the rest
as it is, so here the table is made of the two; a language that does not writes each of them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dialplan.telling import Said

_WHEN = {
    "first": "",
    "next": "If nobody answers, ",
    "nobody": "If nobody takes the call, ",
    "no_answer": "If {who} does not answer, ",
    "busy": "If {who} is busy, ",
    "outage": "If no telephone of {who} can be reached, ",
    "all_busy": "If all of them are busy, ",
    "all_out": "If none of them can be reached, ",
    "press": "If the caller presses {key}, ",
    "timeout": "If the caller presses nothing, ",
    "invalid": "If the caller presses anything else, ",
}
_WHAT = {
    "rings": "{name}'s telephone rings for {time}.",
    "rings_together": "the telephones of {names} ring together for {time}.",
    "voicemail": "the call goes to the voicemail of {owner}.",
    "external": "the call goes on to {number}.",
    "attendant": "the menu {attendant} answers.",
    "queue": "the caller waits in the queue {queue}.",
    "conference": "the caller enters the conference {room}.",
    "park": "the call waits in the park lot {lot}, until somebody dials its slot.",
    "service": "the exchange answers by itself: {service}.",
    "ends": "the call ends unanswered.",
    "ends_busy": "the caller hears that the line is busy.",
    "ends_closed": "the caller hears that it is closed.",
    "ends_loop": "the call ends, as it would go round in a circle.",
    "same": "it goes on as with {other}.",
    "again": "the call goes on to {to}.",
}
_RECORDED = {
    "none": "Calls are recorded; nobody is told.",
    "caller": "Calls are recorded, and the caller is told.",
    "callee": "Calls are recorded, and who is called is told.",
    "all": "Calls are recorded, and everybody is told.",
}
_ALONE = {
    ("delayed", "rings"): "After {time}, {name}'s telephone rings as well.",
    ("open", "hours"): "During the hours {hours}:",
    ("closed", "hours"): "Outside of the hours {hours}:",
    ("vip", "heading"): "When a VIP of {name} calls:",
    ("others", "heading"): "When anybody else calls:",
    ("menu", "extensions"): "Callers may dial the internal number of whom they want.",
    ("menu", "directory"): "If the caller presses {key}, the name of somebody who is listed can be spelled.",
    ("always", "limited"): "A call from outside ends after {time}.",
    ("calls", "inside"): "{name} can call every number of the house, and always emergency numbers.",
    ("calls", "no_way_out"): "There is no way out to other numbers.",
    ("calls", "not_set_up"): "{name} is not set up completely, and can call nobody else.",
    ("calls", "emergency"): "{name} may not call anybody outside.",
    ("calls", "domestic"): "Outside, {name} may call numbers in {country}.",
    ("calls", "international"): "Outside, {name} may call numbers of the whole world.",
    ("calls", "regions"): "Numbers in {regions} count as domestic.",
    ("calls", "denied"): "Premium and high-risk numbers are denied.",
    ("calls", "allowed"): "Premium and high-risk numbers are denied, but for those that begin with {prefixes}.",
    ("calls", "account_code"): "An account code is needed for calls outside.",
    ("calls", "limited"): "A call outside ends after {time}.",
    ("calls", "at_a_time"): "At most {count} calls outside are possible at a time.",
    ("calls", "minutes_hour"): "At most {minutes} minutes can be called outside within an hour.",
    ("calls", "minutes_day"): "At most {minutes} minutes can be called outside within a day.",
    ("calls", "cost_hour"): "Calls outside may cost at most {cost} within an hour.",
    ("calls", "cost_day"): "Calls outside may cost at most {cost} within a day.",
    ("calls", "hidden"): "Those who are called outside do not see {name}'s number.",
    ("calls", "shown"): "Those who are called outside see {number}.",
    ("calls", "shown_as_trunk"): "Those who are called outside see the number of the carrier's line.",
}


def _made() -> dict[tuple[str, str], str]:
    found = {(when, what): condition + words for when, condition in _WHEN.items() for what, words in _WHAT.items()}
    found |= {(when, f"recorded_{told}"): words for when in ("always", "calls") for told, words in _RECORDED.items()}
    return found | _ALONE


SENTENCES: Mapping[tuple[str, str], str] = MappingProxyType(_made())
"""By when and what."""


def sentence(said: Said) -> str:
    """One sentence. Raises KeyError for a pair that has none."""
    words = SENTENCES[said.when, said.what].format(**_values(said.values))
    return words[:1].upper() + words[1:]


def text(all_said: Iterable[Said]) -> str:
    """All of them, a line each, what follows from another one indented."""
    return "\n".join("  " * said.depth + sentence(said) for said in all_said)


def _values(values: Mapping[str, str | float]) -> dict[str, str]:
    made: dict[str, str] = {}
    for name, value in values.items():
        if name == "time_s":
            made["time"] = _time(float(value))
        elif isinstance(value, str):
            made[name] = _list(value.split("|"))
        else:
            made[name] = f"{value:g}"
    return made


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _time(seconds: float) -> str:
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            return _count(seconds / length, unit)
    return _count(seconds, "second")


def _count(number: float, unit: str) -> str:
    return f"{number:g} {unit}{'' if number == 1 else 's'}"
