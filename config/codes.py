"""Every kind of finding that `ringplan check` and a reload can tell of: a stable code, whether it is an error or a
warning, and one sentence. The list is closed: a test holds it together with the code that finds them.

Words of a message may change with any version, a code does not: scripts go by it. docs/findings.md is made of this by
`python -m config.codes`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

ERROR = "error"
WARNING = "warning"

_ERRORS = {
    "bad-area-code": "The country has no such area code, or none at all.",
    "bad-certificate": "A certificate, its key or a file of authorities does not serve.",
    "bad-csv": "A CSV file cannot be taken apart: no heading, two columns for one thing, an open quote.",
    "bad-destination": "A call cannot be sent there from here.",
    "bad-key": "A name, a number or a day that stands for a key is not written as such.",
    "bad-limits": "Times or numbers that belong together do not go together.",
    "bad-secret": "A secret cannot be had from where it is said to be, or everybody can read it there.",
    "bad-value": "A value that cannot stand where it does; the hint says what to write.",
    "conflicting-keys": "Two settings that exclude each other, or one that does nothing without another.",
    "duplicate-day": "A weekday stands twice in one week of opening hours.",
    "duplicate-key": "The same key stands twice; of a DID, in whatever form it is written.",
    "duplicate-name": "A name stands twice in one list.",
    "duplicate-number": "One internal number is given to two things.",
    "duplicate-rate": "A prefix has two rates from the same day on in one file.",
    "duplicate-route": "A prefix has the same route twice.",
    "duplicate-socket": "An address and port is listened on twice.",
    "duplicate-source": "An address is that of two trunks, so a call from there could be either's.",
    "duplicate-user": "Two devices sign in with the same user name.",
    "empty-value": "A key without a value, or a list without an item where one is needed.",
    "foreign-caller-id": "A caller ID is not among the `dids`: a number that is not ours would be shown.",
    "forward-loop": "Forwards, groups, menus or closed hours send a call round in a circle, whatever happens (K.10).",
    "licences-used-up": "More users have a licence than there are of it.",
    "missing-key": "A key that must be there is not.",
    "name-taken": "Two things that share their names have the same one, such as a user and a line.",
    "no-delegate": "VIP treatment sends callers to delegates, and there is none who may answer (VIP-11).",
    "no-mailbox": "A call is sent to a mailbox that is not enabled, or it is not said to whose (FWD-12).",
    "not-yaml": "The text is not YAML.",
    "overlapping-hours": "Times of one day overlap, or stand beside `closed`.",
    "own-delegate": "Somebody is their own delegate.",
    "red-test": "A call in `tests` does not go as it is expected there.",
    "too-large": "More than can be taken in: files, lines, values, depth.",
    "too-many-delegates": "More delegates than `account: most_delegates`, 15 unless told (DEL-2).",
    "too-many-delegators": "A delegate of more people than `account: most_delegators`, 15 unless told (DEL-3).",
    "unknown-key": "There is no such key here; the hint names the one that was probably meant.",
    "unknown-name": "A name that refers to nothing: misspelt, or left behind by a renaming.",
    "unreadable-file": "A file is not there, may not be read, or is not UTF-8.",
    "wrong-kind": "A list, a mapping or a single value stands where another of these is wanted.",
    "yaml-feature": "Anchors, aliases, tags, several documents: parts of YAML that are not used here.",
}

_WARNINGS = {
    "advertise": "What is advertised to peers cannot do what it is there for.",
    "calendar-ends": "A calendar of holidays ends soon, or has none.",
    "certificate-ends": "A certificate has ended or will within 30 days.",
    "empty-group": "A ring group or queue in which nobody can ever ring.",
    "empty-stage": "VIP treatment sends callers to delegates who may not answer or are pending: nobody rings (K.9).",
    "forward-chain": "More than five forwards in a row, which are cut off after the fifth (K.10).",
    "forward-circle": "A call that nobody takes comes back to where it was, and ends without a mailbox (FWD-9).",
    "guard-open": "`guard: allow` holds all addresses, so nobody is ever banned.",
    "hidden-number": "An internal number hides an outside number, a service or the operator (NUM-7).",
    "hidden-line": "A feature code takes the digits with which delegates choose a line (SLN-1).",
    "hidden-prefix": "An internal number begins with the outside prefix.",
    "idle-delegate": "A delegate who may neither place nor answer nor pick up calls nor monitor them.",
    "impossible-hours": "Times that never come, or a day that no calendar has.",
    "locked-value": "A value that does not count, as a level above has locked it.",
    "missing-sound": "A file with sound that is not there: something else is heard in its place, or nothing.",
    "never-closed": "A treatment for closed hours where there are no hours, or hours that never close.",
    "never-open": "Opening hours that are never open.",
    "no-account-code": "Account codes are wanted, and there is none: every call outside is refused.",
    "no-address": "Telephones of which nobody knows where help is to go (EMG-1).",
    "no-callback": "In North America: an emergency service cannot call back who called for help (EMG-8).",
    "no-chair": "A conference that its chair ends, without a PIN that makes one.",
    "no-closed": "Opening hours without a treatment for calls outside of them.",
    "no-device": "No telephone carries a user or a line, which can never ring.",
    "no-mail": "Somebody is to be told by e-mail, and there is no way to send it.",
    "no-number": "A user without a phone number: those outside see none.",
    "no-zone": "Opening hours that are read in UTC, as nobody has said where: give a `time_zone`.",
    "no-trunk": "There is no carrier, so emergency calls cannot be made.",
    "outside-range": "An internal number outside of the range of its site.",
    "overlapping-days": "Times after midnight that the next day's own times contain.",
    "past-holidays": "Dates of years that are over.",
    "readable-secret": "Everybody can read a file that holds secrets.",
    "shadowed-emergency": "An internal number or a feature code is an emergency number, or a code looks like one.",
    "shadowed-holidays": "Holidays whose every day stands in a calendar before them.",
    "shadowed-route": "A route behind another one that offers the same numbers to the same trunks.",
    "tests-left": "Tests that were not run, as all of them together take too long.",
    "unclaimed-caller-id": "A trunk or a route shows a number that is not among the `dids`.",
    "unknown-cost": "The cheapest route is wanted, and nobody has said what a call costs.",
    "unreachable-choice": "A choice of a menu that leads nowhere, or that nobody can ever make.",
    "unreachable-forward": "A forward that never happens, as another setting takes every call before it.",
    "unreachable-line": "A line that nobody can call.",
    "unreachable-prefix": "A prefix of a route that no number has.",
    "unreachable-route": "A route for hours that never open.",
    "unused": "Something with a name that nothing leads to or names: hours, mailboxes, menus, groups, sites.",
    "unused-holidays": "Holidays that no opening hours name.",
    "unused-trunk": "A trunk that no route leads to.",
    "useless-key": "A setting that does nothing as things are.",
    "weak-secret": "A password that is easily guessed.",
}

CODES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {code: (ERROR, said) for code, said in _ERRORS.items()}
    | {code: (WARNING, said) for code, said in _WARNINGS.items()}
)
"""By code: `error` or `warning`, and what it is."""


def markdown() -> str:
    """The page docs/findings.md."""
    rows = [_HEAD]
    for title, said, found in (
        ("Errors", "A configuration with one of these is not taken.", _ERRORS),
        ("Warnings", "Allowed, and surely not meant. `ringplan check --strict` fails on them.", _WARNINGS),
    ):
        rows += [f"## {title}", "", said, "", "| code | what it is |", "|---|---|"]
        rows += [f"| `{code}` | {sentence} |" for code, sentence in sorted(found.items())] + [""]
    return "\n".join(rows)


_HEAD = """\
# Findings

`ringplan check` tells everything that is wrong with a configuration at once. Each finding has its place
(`file:line:column`), words for people, a hint where there is one, and a code, dim at the end of the line:

```text
ringplan.yaml:14:20: error: there is no ring group `slaes`  unknown-name
    did you mean `sales`?
```

With `--json` the same is `{"code": "unknown-name", "file": …, "line": …, "column": …, "message": …, "hint": …}`. Words
may become better with any version; a code stays what it is. The status is 1 when there are errors. A reload tells the
same, and takes nothing that has errors.

This page is made by `python -m config.codes` from the list in the code.
"""

if __name__ == "__main__":
    sys.stdout.write(markdown())
