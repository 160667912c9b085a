"""Nothing secret is stored: whatever people key in or telephones prove themselves with, it is in no octet of journal,
state file, record store, names of spools, exports, nor of what logs and traces show (PIN-1, CST-2, XRL-9, SRTP)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import AccountCode
from dialplan.lines import Policy
from records import export
from records.access import for_viewer
from records.feed import Feeder
from records.journal import FileJournal
from records.store import Store
from records.store.questions import EVERY
from records.store.verifying import Verifying
from records.viewer import Role, Viewer
from switch import redact
from switch.state.facts import SqliteFactStore
from switch.state.mailboxes import SqliteMailboxStore
from switch.state.sqlite import open_state
from tests.flow.test_flow_conference import Board
from tests.flow.test_flow_recording import ALWAYS, KEYS
from tests.flow.test_flow_srtp import over, talk
from tests.flow.test_flow_voicemail import Stage, opened
from tests.support.exchange import SECRETS, changed, house
from tests.support.feeding import feed_all
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene

# So long that chance does not write them.
PIN, NEW_PIN, WRONG_PIN, ACCOUNT, UNLOCK, CARD = (
    "37194268",
    "48205317",
    "90817263",
    "8642013579",
    "5739182",
    "4111111111111111",
)
ON_THE_WIRE = re.compile(r'(?:response|c?nonce|nextnonce)="?([0-9A-Za-z+/=._~-]{16,})|inline:([0-9A-Za-z+/=]{16,})')


def mailbox() -> tuple[Scene, list[str]]:
    """A message; wrong PINs, the right one, and another in its place."""
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.set_pin("bob", PIN)
    scene.message(alice)
    call = bob.call("*97")
    scene.wait()
    scene.press(call, f"{WRONG_PIN}#")
    assert scene.said(call)
    scene.press(call, f"{PIN}#")
    scene.press(call, "4")
    scene.press(call, f"{NEW_PIN}#")
    scene.press(call, f"{NEW_PIN}#")
    scene.said(call)
    call.hang_up()
    scene.wait()
    call = opened(scene, bob, pin=NEW_PIN)
    assert scene.heard(call) != "pin_enter", "it was taken"
    call.hang_up()
    return scene, [PIN, NEW_PIN, WRONG_PIN]


def conference() -> tuple[Scene, list[str]]:
    """A member and a chair, and somebody who guesses."""
    scene = Scene()
    board = Board(scene)
    scene.exchange.pins = {("board", PIN): "member", ("board", NEW_PIN): "chair"}
    rooms = {"board": groups.Conference(id="board", pin=True, chair_pin=True)}
    model, extensions = house(), {**house().extensions, "700": of_text("conference:board")}
    scene.exchange.use_model(m.versioned(msgspec.structs.replace(model, extensions=extensions, conferences=rooms)))
    calls = [board.enter("alice", PIN), board.enter("bob", NEW_PIN), board.enter("carol", WRONG_PIN)]
    assert set(scene.exchange.asked_pins) == {PIN, NEW_PIN, WRONG_PIN}
    for call in calls:
        call.hang_up()
        scene.wait()
    return scene, [PIN, NEW_PIN, WRONG_PIN]


def account_code() -> tuple[Scene, list[str]]:
    """Dialled with the number, right and wrong."""
    accounts = {"4711": AccountCode(code="4711", password=True)}
    model = msgspec.structs.replace(house(), accounts=accounts, features={"*11": "account_code"})
    scene = Scene(model=m.versioned(model))
    scene.exchange.passwords = {"4711": ACCOUNT}
    carrier, alice = scene.carrier(), scene.phone("alice")
    call = alice.call(f"*11*4711*{ACCOUNT}%232125550100")
    scene.wait(0.1)
    invite = scene.taken(carrier, "c")
    RawDialog.of_invite(carrier, invite, "c").request("BYE")
    scene.wait(0.1)
    assert not call.up
    alice.call(f"*11*4711*{WRONG_PIN}%232125550100")
    scene.wait(5)
    assert scene.exchange.asked_accounts == ["4711", "4711"]
    return scene, [ACCOUNT, WRONG_PIN]


def recording() -> tuple[Scene, list[str]]:
    """A card's number, keyed in while the recording pauses, as events and as INFO."""
    policy = {"policy": Policy(owner="bob", record=ALWAYS, on_demand=True)}
    scene = Scene(model=m.versioned(msgspec.structs.replace(changed(house(), bob=policy), call_keys=KEYS)))
    alice, bob = scene.raw("alice"), scene.phone("bob")
    dialog = scene.talking_by_hand(alice, bob)
    answer = bob.last
    scene.press(answer, "*3")
    scene.press(answer, CARD)
    for digit in CARD:
        body = f"Signal={digit}\r\nDuration=100\r\n"
        dialog.request("INFO", body, headers=("Content-Type: application/dtmf-relay",))
        scene.wait(0.1)
    scene.press(answer, "*3")
    answer.hang_up()
    scene.wait(0.1)
    alice.reply(alice.take("BYE"), 200)
    scene.wait(0.1)
    ended, scene.exchange.engine.ended = scene.exchange.engine.ended, []
    for event in ended:
        scene.exchange.tell(event)
    assert scene.exchange.record.recordings[0].pauses == 1
    return scene, [CARD]


def locked() -> tuple[Scene, list[str]]:
    """A telephone that is locked, and the code that will unlock it once that is served. A trace, which is of memory
    alone, cannot know it until then."""
    scene = Scene(model=m.versioned(msgspec.structs.replace(house(), features={"*5": "unlock"})))
    bob = scene.raw("bob")
    scene.exchange.set("device:bob", "lock on")
    call = RawDialog.authenticated(bob, f"*5{UNLOCK}", scene.wait)
    scene.wait(0.1)
    call.ack_refusal(bob.take(403))
    scene.wait(0.1)
    return scene, [UNLOCK]


def encrypted() -> tuple[Scene, list[str]]:
    """SRTP: the keys of both sides are on the wire."""
    scene = Scene()
    _, dialog, bob, answer = talk(scene)
    over(scene, dialog, bob)
    found = re.search(r"inline:(\S+)", answer.body)
    assert found is not None
    return scene, [found[1]]


SCENARIOS = (mailbox, conference, account_code, recording, locked, encrypted)


@pytest.mark.parametrize("play", SCENARIOS, ids=lambda play: play.__name__)
def test_no_secret_is_in_any_octet_that_is_kept(play: Callable[[], tuple[Scene, list[str]]], tmp_path: Path) -> None:
    scene, secrets = play()
    scene.wait(60)
    wire = [packet.data.decode("utf-8", "replace") for packet in scene.network.log]
    proofs = {found for text in wire for match in ON_THE_WIRE.finditer(text) for found in match.groups() if found}
    assert proofs, "somebody has proven himself"
    secrets = [*secrets, *proofs, *SECRETS.values()]
    keep(scene, wire, tmp_path)
    found = {
        f"{secret} in {path.relative_to(tmp_path)}"
        for path in tmp_path.rglob("*")
        if path.is_file() and not (play is locked and path.name in ("trace", "log"))
        for data in [path.read_bytes()]
        for secret in secrets
        if secret.encode() in data
    }
    assert not found


def keep(scene: Scene, wire: list[str], folder: Path) -> None:
    """Write down all that an exchange writes down, and what it shows."""
    exchange = scene.exchange
    journal = FileJournal(folder / "journal")
    for event in exchange.events:
        journal.append([event])
    journal.close()
    store = Store(f"sqlite:///{folder}/records.db")
    store.migrate()
    feeder = Feeder(folder / "journal", store, head=folder / "records.head")
    feed_all(feeder)
    feeder.keep_head()
    assert list(Verifying(store)) == []
    records = list(store.each(EVERY))
    assert records or not exchange.records
    store.close()
    facts = SqliteFactStore(open_state(folder / "state.sqlite3"))
    facts.apply(*exchange.core.facts.take(), 0, journal.end)
    boxes = SqliteMailboxStore(open_state(folder / "state.sqlite3"))
    boxes.apply(exchange.core.mailboxes.take(), journal.end)
    (folder / "export.csv").write_text("".join(export.csv_text(map(export.row, records), export.COLUMNS)))
    seen = [for_viewer(each, Viewer("", Role.ADMIN)) for each in records]
    (folder / "export.jsonl").write_text("".join(export.json_lines(map(export.whole, seen))))
    names = [*exchange.recordings.open, *(path for each in exchange.recordings.open.values() for path in each)]
    (folder / "names").write_text("\n".join(names))
    (folder / "trace").write_text("\n".join(map(redact.sip, wire)))
    told = [str(value) for text in (*wire, *exchange.errors) for value in redact.values({"event": text}).values()]
    (folder / "log").write_text("\n".join(told))
    (folder / "refused").write_text(repr(exchange.refused_accounts))
