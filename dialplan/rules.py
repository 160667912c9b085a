"""The ids of the rules that a decision names, made in one place: by the planner, by `config` for their origins, and by
the tools that show them. A name is the entity's in the model; NAME of a line is a user's or a common-area telephone's.

    user:NAME                        the line is called
    user:NAME.forward.CONDITION      busy, no_answer, outage, always: configured, or set by the user
    user:NAME.closed                 where calls go outside of its business hours
    user:NAME.calls                  how many calls it takes at a time (with call waiting)
    user:NAME.dnd                    do-not-disturb, which its user has set
    user:NAME.emergency              an emergency call it made within the hour (EMG-8)
    user:NAME.delegates.OTHER        one who handles its calls
    user:NAME.vip                    what happens to a call: for VIPs, and for everybody else
    user:NAME.vip.contacts           who is a VIP
    user:NAME.voicemail              its mailbox
    ring_group:ID                    the group is called; ID is `RingGroup.id`
    ring_group:ID.members.NAME       one line of it
    ring_group:ID.closed, .otherwise
    attendant:NAME, queue:NAME, conference:NAME, park:NAME, voicemail:NAME, each with .closed where it has hours
    hours:NAME                       business hours, see `hours.because`
    user:NAME.permission, .allow     what may be called outside, and prefixes that are allowed by name
    user:NAME.quotas                 how much of it; `account.quotas` for all lines together
    user:NAME.set_up, .account_code  what is to be there before a call outside
    device:NAME                      the telephone that calls
    feature:CODE                     a feature code that was dialled
    account:CODE                     an account code
    site:NAME                        a site, for its operator
    forwards                         the guard against loops and long chains (FWD-9, K.10)
    plan                             the guard against plans without measure
"""

from __future__ import annotations

from dialplan.groups import RingGroup

FORWARDS = "forwards"
ACCOUNT_QUOTAS = "account.quotas"
PLAN = "plan"


def line(name: str) -> str:
    """A line is called."""
    return f"user:{name}"


def forward(name: str, condition: str) -> str:
    """A line's forward."""
    return f"user:{name}.forward.{condition}"


def delegate(name: str, other: str) -> str:
    """One who handles a line's calls."""
    return f"user:{name}.delegates.{other}"


def of_line(name: str, key: str) -> str:
    """Another setting of a line: `closed`, `calls`, `dnd`, `emergency`, `vip`, `vip.contacts`,
    `voicemail`, `permission`, `allow`, `quotas`, `set_up`, `account_code`."""
    return f"user:{name}.{key}"


def group(called: RingGroup) -> str:
    """A ring group is called."""
    return f"ring_group:{called.id}"


def member(called: RingGroup, name: str) -> str:
    """One line of a ring group."""
    return f"ring_group:{called.id}.members.{name}"


def device(name: str) -> str:
    """The telephone that calls."""
    return f"device:{name}"


def feature(code: str) -> str:
    """A feature code that was dialled."""
    return f"feature:{code}"


def account(code: str) -> str:
    """An account that a call is charged to."""
    return f"account:{code}"


def site(name: str) -> str:
    """A site."""
    return f"site:{name}"
