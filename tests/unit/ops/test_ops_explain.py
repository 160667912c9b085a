"""`ringplan explain` and `ringplan test` as a person types them, and what the running exchange answers to the first."""

from __future__ import annotations

import asyncio
import datetime
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from config import examples, validate
from config.compile import model_of
from config.schema_tests import Expect
from dialplan import pretend_facts
from dialplan.explanation import Explanation, Rule
from dialplan.facts import Condition
from dialplan.pretend import BEHAVIOURS
from records import events as e
from switch import configuration
from switch.arguments import Places
from switch.commands import app
from switch.commands.explained import folded
from switch.commands.tell import UNSEEN
from switch.control import ControlServer, Refused
from switch.explaining import Explaining, Words
from switch.facts import LiveFacts
from switch.views import ExplainedView

COMPANY = Path(examples.__file__).parent / "company"
AT = datetime.datetime(2026, 3, 4, 18, tzinfo=datetime.UTC)
run = CliRunner()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def explained(*words: str) -> str:
    done = run.invoke(app, ["explain", "--config", str(COMPANY), *words])
    assert done.exit_code == 0, done.output
    return done.output


SAM = ("--from", "pacific", "--caller", "+16695550142", "--to", "+16695550120", "--at", "2026-03-04T10:00")


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_call_is_explained_within_the_width_of_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = explained(*SAM).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0] == "+16695550142 calls +16695550120"
    assert "10:00 in America/Los_Angeles" in lines[1]
    assert any("people.yaml:44" in line and "user:sam.forward.no_answer" in line for line in lines)
    axis = [line for line in lines if "━" in line]
    assert [line.split()[0] for line in axis] == ["0:00", "0:15"]
    assert len(axis[0]) == len(axis[1]) or "no answer" in axis[1]
    first, second = (line.index("━") for line in axis)
    assert first < second, "the second begins where the first has ended"
    assert axis[0].rindex("━") + 1 == second
    assert "0:15  ↪ forwarded by Sam Okafor: no answer (408)" in "\n".join(lines)
    assert lines[-1].split(maxsplit=1) == ["Ends", "nobody answers (480) after 135 s"]


def test_for_machines_it_is_one_value() -> None:
    found = msgspec.json.decode(explained(*SAM, "--json"), type=Explanation)
    assert [bar.target for bar in found.bars] == ["line:sam", "trunk:pacific"]
    assert found.ending.status == 480 and found.at == "2026-03-04T10:00:00-08:00"


def test_what_holds_of_the_call_is_told() -> None:
    said = explained("--from", "raj", "--to", "2125550100", "--phones", "trunk:pacific=answers", "--at", SAM[-1])
    assert "Caller ID  +16695550100" in said and "Limit      4 h, by the rules of raj" in said
    inbound = explained("--from", "pacific", "--to", "+16695550140", "--phones", "dana=answers", "--at", SAM[-1])
    assert "answered by dana after 5 s" in inbound


def test_facts_and_telephones_can_be_pretended() -> None:
    said = explained("--from", "grace", "--to", "2220", "--facts", "sam.dnd=on,sam.forward.no_answer=nina")
    assert "does not want to be disturbed" in said and "Nina Castellanos" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "elsie", "--to", "1"), "did you mean `elise`?"),
        (("--from", "elise", "--to", "1", "--phones", "smm=busy"), "did you mean sam?"),
        (("--from", "elise", "--to", "1", "--facts", "sam.dnb=on"), "did you mean sam.dnd?"),
        (("--from", "elise", "--to", "1", "--at", "noon"), "2026-12-24T18:05"),
        (("--from", "elise", "--to", ""), "nothing is dialled"),
        (("--from", "elise"), "--to"),
    ],
)
def test_a_wrong_question_is_status_2_with_a_hint(words: tuple[str, ...], said: str) -> None:
    done = run.invoke(app, ["explain", "--config", str(COMPANY), *words])
    assert done.exit_code == 2 and said in done.output


def test_a_broken_configuration_is_told_as_check_tells_it(tmp_path: Path) -> None:
    (tmp_path / "ringplan.yaml").write_text("country: US\nlinse: {}\n")
    done = run.invoke(app, ["explain", "--config", str(tmp_path), "--from", "a", "--to", "1"])
    assert done.exit_code == 1 and "ringplan.yaml:2:1: error: unknown key `linse`" in done.output


# Live


def exchange(*settings: e.LineSet, registered: tuple[str, ...] = ("raj", "nina")) -> Explaining:
    model = model_of(validate.load(COMPANY))
    facts = LiveFacts()
    facts.use(model)
    for event in settings:
        facts.record(event)
    return Explaining(lambda: model, facts, lambda: registered, lambda: AT)


def asked(explaining: Explaining, **words: object) -> Explanation:
    view = explaining.explain({"words": words})
    return msgspec.json.decode(view.explanation, type=Explanation)


def forward(to: str) -> e.LineSet:
    return e.LineSet(line="nina", key=f"forward.{Condition.ALWAYS.value}", value=to, at=AT, by="test")


def test_live_the_facts_and_telephones_of_the_moment_count() -> None:
    quiet = asked(exchange(), from_="raj", to="2221")
    assert [(bar.target, bar.nobody) for bar in quiet.bars] == [("line:nina", False)]
    moved = asked(exchange(forward("user:omar")), from_="raj", to="2221")
    assert [(bar.target, bar.nobody) for bar in moved.bars] == [("line:omar", True)]
    pretended = asked(exchange(forward("user:omar")), from_="raj", to="2221", facts="nina.forward.always=none")
    assert [bar.target for bar in pretended.bars] == ["line:nina"]
    there = asked(exchange(), from_="raj", to="2222", phones="omar=answers")
    assert there.ending.result == "answered", "who is said to answer has a telephone"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dnd", "on", "voicemail"),
        ("forward.always", "user:omar", "Omar"),
        ("forward.busy", "user:omar", "is busy, Omar"),
    ],
)
def test_live_what_a_user_has_set_is_told(key: str, value: str, said: str) -> None:
    quiet = [each.text for each in exchange().tell({"name": "nina"}).sentences]
    set_now = exchange(e.LineSet(line="nina", key=key, value=value, at=AT, by="test"))
    heard = [each.text for each in set_now.tell({"name": "nina"}).sentences]
    assert heard != quiet and any(said in each for each in heard), heard


def test_live_a_wrong_question_is_an_answer_and_no_question_is_refused() -> None:
    view = exchange().explain({"words": {"from_": "rai", "to": "1"}})
    assert "did you mean `raj`?" in view.wrong
    with pytest.raises(Refused, match="not a question"):
        exchange().explain({"words": {"from": 1}})
    with pytest.raises(Refused, match="not a question"):
        exchange().tell({"name": 1})
    with pytest.raises(Refused, match="not a question"):
        exchange().tell({"name": "nina", "at": "1" * 5000})
    assert "2026-12-24T18:05" in exchange().tell({"name": "nina", "at": "noon"}).wrong
    with pytest.raises(Refused, match="longer"):
        exchange().explain({"words": {"from_": "raj", "to": "1" * 5000}})


def test_live_over_the_socket(tmp_path: Path) -> None:
    served = exchange(forward("user:omar")).handlers()
    ready, stop = threading.Event(), threading.Event()

    def serve() -> None:
        async def main() -> None:
            server = ControlServer(served, lambda name, error: None)
            await server.start(tmp_path / "control.sock")
            ready.set()
            await asyncio.to_thread(stop.wait)
            await server.stop()

        asyncio.run(main())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(10)
        words = ["explain", "--live", "--runtime", str(tmp_path), "--from", "raj"]
        done = run.invoke(app, [*words, "--to", "2221", "--json"])
        assert done.exit_code == 0, done.output
        assert [bar["target"] for bar in json.loads(done.output)["bars"]] == ["line:omar"]
        assert run.invoke(app, [*words, "--to", ""]).exit_code == 2
        asked = ["tell", "nina", "--live", "--runtime", str(tmp_path)]
        said = run.invoke(app, asked)
        assert said.exit_code == 0 and "Omar" in said.output.splitlines()[0], said.output
        assert UNSEEN not in said.output
        told = json.loads(run.invoke(app, [*asked, "--json"]).output)
        assert told["live"] is True and told["sentences"][0]["text"] == said.output.splitlines()[0]
        assert "may call" in run.invoke(app, ["tell", "nina", "calls", *asked[2:]]).output
        wrong = run.invoke(app, ["tell", "nna", *asked[2:]])
        assert wrong.exit_code == 2 and "`nina`" in wrong.output
    finally:
        stop.set()
        thread.join()


def test_words_go_over_the_wire() -> None:
    words = Words(from_="raj", to="1", presses=("1",), hangs_up_s=3.0)
    assert msgspec.convert(msgspec.to_builtins(words), Words) == words
    assert ExplainedView() == ExplainedView(explanation="", wrong="")


# Tests

GREEN = "  - {name: Rings, from: anna, dial: 202, expect: {rings: ben}}\n"
RED = "  - name: Is busy\n    from: anna\n    dial: 202\n    expect: {ends: busy}\n"
OFFICE = """\
country: US
users:
  anna: {extension: 201}
  ben: {extension: 202}
devices:
  anna-desk: {secret: env:NOT_SET_HERE, lines: [anna]}
  ben-desk: {secret: env:NOT_SET_HERE, lines: [ben]}
tests:
"""


def office(folder: Path, tests: str) -> Path:
    (folder / "office.yaml").write_text(OFFICE + tests)
    return folder


def test_green_and_red_tests_are_told_and_the_status_says_which(tmp_path: Path) -> None:
    """No secret is needed for it."""
    done = run.invoke(app, ["test", str(office(tmp_path, GREEN + RED))])
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0].startswith("✓ Rings") and lines[1].startswith("✗ Is busy") and lines[1].endswith("office.yaml:10")
    assert lines[2].split() == ["ends", "wanted", "busy", "came", "no_answer"]
    assert lines[-1].endswith("2 tests, 1 red")
    assert run.invoke(app, ["test", str(tmp_path), "--only", "rings"]).exit_code == 0
    assert "Rings" not in run.invoke(app, ["test", str(tmp_path), "--quiet"]).output


def test_for_machines_tests_and_coverage_are_one_value(tmp_path: Path) -> None:
    done = run.invoke(app, ["test", str(office(tmp_path, GREEN + RED)), "--json", "--coverage"])
    found = json.loads(done.output)
    assert not found["good"] and [each["green"] for each in found["tests"]] == [True, False]
    assert found["tests"][1]["differences"] == [{"what": "ends", "wanted": "busy", "came": "no_answer"}]
    assert found["tests"][1]["line"] == 10 and found["left"] == 0
    missed = [place["line"] for place in found["coverage"]["places"] if not place["touched"]]
    assert missed == [3] and found["coverage"]["percent"] == 50.0


def test_rules_that_no_test_touches_are_told_by_their_place(tmp_path: Path) -> None:
    done = run.invoke(app, ["test", str(office(tmp_path, GREEN)), "--coverage"])
    assert done.exit_code == 0
    assert "office.yaml:3  extension:201, user:anna" in done.output
    assert done.output.rstrip().endswith("1 test, all green; 1 of 2 rules touched (50 %)")


def test_a_mistake_in_a_test_is_an_error(tmp_path: Path) -> None:
    done = run.invoke(app, ["test", str(office(tmp_path, GREEN.replace("ben", "bne")))])
    assert done.exit_code == 1 and "did you mean `ben`?" in done.output
    as_json = run.invoke(app, ["test", str(tmp_path), "--json"])
    assert as_json.exit_code == 1 and "there is no user or line `bne`" in json.loads(as_json.output)["errors"][0]


def test_check_runs_the_tests_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_SET_HERE", "correct horse battery")
    done = run.invoke(app, ["check", str(office(tmp_path, GREEN + RED))])
    assert done.exit_code == 1 and "office.yaml:13:14: error: test `Is busy` is red: ends: wanted busy" in done.output


# What the guide says


def test_the_example_in_the_guide_is_green_in_the_example_company(tmp_path: Path) -> None:
    guide = Path(__file__).parents[3] / "docs/tests.md"
    examples.write(tmp_path, examples.COMPANY)
    (tmp_path / "guide.yaml").write_text(guide.read_text("utf-8").split("~~~yaml\n")[1].split("~~~")[0])
    done = run.invoke(app, ["test", str(tmp_path), "--quiet"])
    assert done.exit_code == 0, done.output


def test_the_guide_has_every_key_of_expect_and_every_fact() -> None:
    docs = Path(__file__).parents[3] / "docs"
    tests, explain = (docs / "tests.md").read_text("utf-8"), (docs / "explain.md").read_text("utf-8")
    assert [key for key in Expect.model_fields if f"`{key}`" not in tests] == []
    assert [key for key in pretend_facts.KEYS if f".{key}" not in explain and f"`{key}`" not in explain] == []
    assert [word for word in BEHAVIOURS if f"`{word}`" not in explain] == []


def test_a_start_with_a_red_test_uses_the_last_good_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that compiles, as a reload does: what it would not take, a start does not take either."""
    monkeypatch.setenv("NOT_SET_HERE", "correct horse battery")
    places = Places(config=tmp_path / "config", data=tmp_path / "data", runtime=tmp_path / "run")
    places.config.mkdir()
    places.data.mkdir()
    good, errors = configuration.boot(Places(office(places.config, GREEN), places.data, places.runtime))
    assert errors == ()
    office(places.config, GREEN + RED)
    used, errors = configuration.boot(places)
    assert used.version == good.version
    (told,) = errors
    assert "office.yaml:13:14: test `Is busy` is red: ends: wanted busy, came no_answer" in told
    assert configuration.refusal(places.data)[0].startswith(str(places.config / "office.yaml:13:14"))


def test_what_all_forwards_of_a_member_say_is_one_line() -> None:
    told = [(rule.rule, rule.verdict) for rule in folded(FORWARDS)]
    assert told == [
        ("user:ben.forward.busy, no_answer", "to user:anna, who rings already"),
        ("user:ben.forward.outage", "to user:anna, who rings already"),
        ("ring_group:sales.members.ben", "rings"),
        ("user:carl.forward.busy, no_answer", "to user:dora"),
        ("user:carl.permission", "domestic"),
    ], "another place is another line, and what is no forward stays as it is"


def _rules() -> Iterator[Rule]:
    for line, condition in ((4, "busy"), (4, "no_answer"), (5, "outage")):
        forward = Rule(rule=f"user:ben.forward.{condition}", verdict="to user:anna", file="a.yaml", line=line)
        yield forward
        yield Rule(rule="user:anna", verdict="rings already", file="a.yaml", line=2)
        yield msgspec.structs.replace(forward, verdict="to user:anna cannot be followed: counts as absent")
    yield Rule(rule="ring_group:sales.members.ben", verdict="rings", file="a.yaml", line=9)
    for condition in ("busy", "no_answer"):
        yield Rule(rule=f"user:carl.forward.{condition}", verdict="to user:dora", file="a.yaml", line=6)
    yield Rule(rule="user:carl.permission", verdict="domestic", file="a.yaml", line=6)


FORWARDS = tuple(_rules())
