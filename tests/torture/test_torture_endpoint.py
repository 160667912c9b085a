"""The torture messages against the transaction layer: the refused are answered there, the others reach the core."""

from __future__ import annotations

from itertools import count

import pytest

from switch.sip.effects import Incoming, Send
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.message import Response, parse
from switch.sip.timer import Timers
from switch.sip.transaction import Timings
from tests.torture.ipv6 import IPV6_CASES
from tests.torture.table import CASES, SILENCE, Case

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))


@pytest.mark.parametrize("case", CASES + IPV6_CASES, ids=lambda case: case.name)
def test_refused_here_or_handed_on(case: Case) -> None:
    tokens = count(1)
    endpoint = Endpoint(Timers(), Timings(), lambda: f"token{next(tokens)}", lambda flow: "192.0.2.1")
    endpoint.receive(case.message, FLOW, 0.0)
    answers = [parse(effect.data) for effect in endpoint.out if isinstance(effect, Send)]
    statuses = [answer.status for answer in answers if isinstance(answer, Response)]
    handed_on = [effect for effect in endpoint.out if isinstance(effect, Incoming)]
    if case.answers == (SILENCE,):
        assert statuses == []
        assert handed_on == []
    elif case.refused is None:
        assert len(handed_on) == 1
        assert [status for status in statuses if status >= 200] == []
    else:
        assert handed_on == []
        assert statuses in [[] if answer is SILENCE else [answer] for answer in case.answers]
