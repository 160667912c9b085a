"""sipvicious of Debian against a running exchange: it finds nothing and is banned, by its own name and by another.

The disguised one is a copy of the same programs with another User-Agent and display name, as robots have it.
"""

from __future__ import annotations

import contextlib
import datetime
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.kit.house import PATIENCE, House, house, secret, wait_for
from tests.e2e.kit.wire import WirePhone

SOURCES = Path("/usr/share/sipvicious/sipvicious")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not SOURCES.exists(), reason="needs the Debian package sipvicious"),
]
HERE = "127.0.0.1"


class Robot:
    """The programs, and how they are run; `found` is all that one said."""

    def __init__(self, folder: Path, exchange: House, *, disguised: bool) -> None:
        shutil.copytree(SOURCES, folder / "sipvicious")
        self.folder, self.port, self.exchange = folder, str(exchange.sip), exchange
        if disguised:
            for path in (folder / "sipvicious").rglob("*.py"):
                text = path.read_text()
                text = text.replace("'friendly-scanner'", "'Acme Phone 2.1'").replace('"sipvicious"', '"101"')
                path.write_text(text.replace("'sipvicious'", "'101'"))

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """One of svmap, svwar, svcrack."""
        code = f"import sys; sys.path.insert(0, '.'); from sipvicious.{program} import main; main()"
        argv = ["/usr/bin/python3", "-c", code, "-p", self.port, *arguments, HERE]
        return subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def crack(self, line: str, wrong: int) -> str:
        """Guess a password, so many wrong words before the right one; what was said until it ended or was banned."""
        words = [*(f"guess{n}" for n in range(wrong)), secret(line)]
        (self.folder / "words").write_text("\n".join(words) + "\n")
        process = self.start("svcrack", "-u", f"{line}-phone", "-d", "words")
        banned = 0
        while process.poll() is None and banned < 5:  # it goes on for a while after the ban
            banned += bool(self.exchange.json("guard")["bans"])
            time.sleep(0.2)
        process.terminate()
        return process.communicate(timeout=20 * PATIENCE)[0]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    # MD5 alone, which is all that it understands; nothing here shall help the exchange.
    with house(tmp_path_factory.mktemp("house"), registrar=", algorithms: md5") as made:
        yield made


@pytest.fixture
def robot(exchange, tmp_path):
    return Robot(tmp_path, exchange, disguised=True)


@pytest.fixture(autouse=True)
def forgiven(exchange):
    yield
    exchange.run("guard", "unban", HERE)


def finds_nothing(*processes: subprocess.Popen[str]) -> bool:
    return all("found nothing" in process.communicate(timeout=40 * PATIENCE)[0] for process in processes)


def test_under_its_own_name_it_gets_no_answer_at_all(exchange, tmp_path):
    robot = Robot(tmp_path, exchange, disguised=False)
    assert finds_nothing(robot.start("svmap"), robot.start("svwar", "-e", "100-110", "--maximumtime", "1"))
    (ban,) = exchange.json("guard")["bans"]
    assert ban["source"] == HERE
    assert "scanner" in ban["why"]
    explained = exchange.run("guard", "explain", HERE).stdout
    assert "is shut out" in explained
    assert "scanner" in explained
    assert f"lifted: {HERE}" in exchange.run("guard", "unban", HERE).stdout
    assert exchange.json("guard")["bans"] == []


def test_under_another_name_it_finds_neither_us_nor_which_extensions_there_are(robot):
    """Forced to go on, it learns nothing of any number: 101 to 107 exist, the others do not."""
    forced = ("--force", "-e", "99-112", "--maximumtime", "1")
    scans = [robot.start("svwar", *forced, "-m", method) for method in ("REGISTER", "INVITE")]
    assert finds_nothing(robot.start("svmap"), *scans)


def test_a_password_among_the_first_guesses_is_found_so_the_programs_work(robot):
    assert secret("alice") in robot.crack("alice", 2)


def test_who_cracks_is_banned_before_he_comes_to_the_right_word(exchange, robot):
    assert secret("bob") not in robot.crack("bob", 30)
    (ban,) = exchange.json("guard")["bans"]
    assert "10 wrong passwords" in ban["why"]


def test_who_cracks_beside_a_telephone_of_ours_leaves_it_alone(exchange, robot):
    """Behind one address: the guesser gets silence, the telephone is served."""
    with WirePhone(exchange, "carol") as carol:
        assert carol.register().status == 200
        assert secret("bob") not in robot.crack("bob", 30)
        sources = {ban["source"] for ban in exchange.json("guard")["bans"]}
        assert sources
        assert all(source.startswith((f"{HERE} user bob-phone", f"{HERE} port ")) for source in sources)
        assert carol.register().status == 200


def test_a_ban_outlives_a_crash_and_an_allowed_address_is_never_banned(exchange, robot):
    def bans() -> dict[str, datetime.datetime]:
        found = exchange.json("guard")["bans"]
        return {ban["source"]: datetime.datetime.fromisoformat(ban["until"]) for ban in found}

    def saved() -> bool:
        """Whether each one is in the state file, which may still have those of the test before."""
        path = exchange.folder / "data" / "state.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as state:
            kept = dict(state.execute("SELECT source, until FROM bans"))
        return all(abs(kept.get(source, 0.0) - until.timestamp()) <= 0.001 for source, until in before.items())

    assert secret("dave") not in robot.crack("dave", 30)
    before = bans()
    assert before
    wait_for(saved, 10, "the bans to be saved")
    starts = exchange.log().count('"event": "serving"')
    exchange.kill("exchange")
    exchange.serving(starts + 1)
    after, a_millisecond = bans(), datetime.timedelta(milliseconds=1)  # as the journal has it
    assert all(source in after and abs(after[source] - until) <= a_millisecond for source, until in before.items())
    assert exchange.json("guard", "allow", "127.0.0.0/8")["bans"] == []
    assert secret("dave") in robot.crack("dave", 30)
    assert exchange.json("guard", "allow", "--undo", "127.0.0.0/8")["allowed"] == []
