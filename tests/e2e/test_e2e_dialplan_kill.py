"""kill -9 of the exchange while a forwarded call is up, and while a group rings; what people had set, and whose turn it
is in the group, is there afterwards."""

from __future__ import annotations

import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.company import company
from tests.e2e.kit.phones import softphones
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


def test_plans_forwards_turns_and_what_people_set_outlive_the_exchange(tmp_path):
    with (
        company(tmp_path) as exchange,
        softphones(exchange, "alice", "anna", "ben") as (alice, anna, ben),
        WirePhone(exchange, "marta") as marta,
    ):
        alice.play(523, -14)
        ben.play(1200, -20)
        marta.register()
        # The first turn is Anna's, who then does not want to be disturbed.
        here = alice.call("300")
        there = anna.incoming()
        alice.talking(here)
        alice.do("hangup", call=here)
        anna.over(there)
        code = anna.call("*78")
        anna.talking(code)
        anna.do("hangup", call=code)
        assert exchange.run("set", "paul", "forward", "always", "user:ben").returncode == 0

        # A call that was forwarded is up; it goes on, and ends in order.
        since = ben.mark()
        here = alice.call("207")
        there = ben.incoming(since)
        alice.talking(here)
        ben.talking(there)
        time.sleep(0.5)
        exchange.kill("exchange")
        exchange.serving(2)
        time.sleep(0.5)
        ben.do("hangup", call=there)
        alice.over(here)
        for path, hz, dbfs in ((ben.heard(there), 523, -14), (alice.heard(here), 1200, -20)):
            tone = sound.check(path, hz, dbfs)
            assert tone.end_s - tone.start_s > 0.9
            assert sound.whole(tone)

        # The second turn is Ben's. While it rings, the exchange is killed: he stops ringing, and the third is Marta's.
        ben.do("answers", statuses=[180])
        since = ben.mark()
        here = alice.call("300")
        there = ben.incoming(since)
        alice.expect("call", call=here, state="EARLY")
        exchange.kill("exchange")
        exchange.serving(3)
        assert ben.over(there)["status"] == 487
        assert alice.over(here)["status"] >= 480

        last = alice.call("300")
        invite = marta.wait("INVITE")
        marta.answer(invite, 486, "Busy Here")
        marta.wait("ACK")
        alice.do("hangup", call=last)
        alice.over(last)

        # Anna is still not to be disturbed, and Paul's calls still go to Ben.
        since = anna.mark()
        here = alice.call("201")
        invite = marta.wait("INVITE")
        assert "reason=no-answer" in invite.get("Diversion")
        marta.answer(invite, 486, "Busy Here")
        marta.wait("ACK")
        assert alice.over(here)["status"] == 486
        assert not [each for each in anna.events[since:] if each["event"] == "incoming"]
        since = ben.mark()
        here = alice.call("207")
        ben.incoming(since)
        alice.do("hangup", call=here)
        alice.over(here)
        # Six calls to people and groups, and the code that was dialled; each has one record.
        records = exchange.history(7)
        talked = next(each for each in records if each["recovered"] and each["result"] == "answered")
        assert (talked["number"], talked["answered_target"], talked["reason"]) == ("207", "line:ben", "callee_hung_up")
        assert [(each["by"], each["cause"], each["to"]) for each in talked["passed"]] == [("paul", 302, "line:ben")]
        assert [each["reason"] for each in records if each["number"] == "300"][1] == "crash_before_answer"
