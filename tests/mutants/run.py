"""Which changes of a configuration its own tests do not notice: the survivors.

A mutant is compiled in this process. One that is no sound configuration, or whose dialplan is the same, says nothing
about the tests; of the others each must make a test red.
"""

from __future__ import annotations

import copy
import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from config import cases, loader, testing
from config.cases import Case
from config.compile import model_of
from config.loader import Document, Mapping
from config.problems import ConfigError
from config.validate import Loaded, validate
from dialplan.model import Model, placeless
from tests.mutants.mutations import TESTS, Mutation, applied, mutations


class Survivor(msgspec.Struct, frozen=True):
    """A change that no test notices, and where it was made."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"

    @property
    def key(self) -> str:
        """What it is called in `unnoticed.txt`: a line more above does not matter."""
        return f"{Path(self.file).name}: {self.what}"


class Result(msgspec.Struct):
    """What became of the mutants. `unsound` did not compile, `same` decides the same, and `survivors` were not
    noticed. `tests` is how many tests there are."""

    tests: int = 0
    killed: int = 0
    unsound: int = 0
    same: int = 0
    survivors: list[Survivor] = []


def run(folder: Path, wanted: Callable[[int], bool] = lambda number: True) -> Result:
    """All mutants of a configuration of several files, or those whose number is `wanted`."""
    document = loader.load(folder)
    judge = _Judge(document, folder)
    for number, mutation in enumerate(mutations(judge.tree)):
        if wanted(number):
            judge.change(mutation)
    with tempfile.TemporaryDirectory() as name:
        copied = Path(shutil.copytree(folder, Path(name) / folder.name))
        for number, (file, line, what, text) in enumerate(_rows(folder)):
            if wanted(number):
                original = (copied / file).read_text()
                (copied / file).write_text(text)
                judge.files(copied, Survivor(str(folder / file), line, what))
                (copied / file).write_text(original)
    return judge.result


def unnoticed(path: Path = Path(__file__).parent / "unnoticed.txt") -> set[str]:
    """The survivors that are known and right, by their keys."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


class _Judge:
    """Compiles mutants and lets the tests judge them. The test that noticed the last one is asked first."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        loaded = validate(document, folder)
        # The tests stay as they are, so that they need not be read for each mutant again.
        self._tests = loaded.tree.entries.pop(TESTS, None)
        self._read = loaded.settings.tests
        loaded = self._validated(loaded.tree, folder)
        self._model = model_of(loaded)
        self._decisive = _decisive(self._model)
        found, problems = cases.cases(loaded, self._model)
        red = testing.run(self._model, found).red
        if problems or red:
            raise ConfigError([*problems, *(each.problem() for each in red)])
        self.tree = _without_tests(loaded.tree)
        """What is changed."""
        self._order = [case.name for case in found]
        self.result = Result(tests=len(found))

    def _validated(self, tree: Mapping, folder: Path) -> Loaded:
        """What the tree is in that folder; the tree is put right on the way."""
        loaded = validate(Document(tree, [], True), folder)
        if self._tests is not None:
            loaded.tree.entries[TESTS] = self._tests
        settings = loaded.settings.model_copy(update={"tests": self._read})
        return msgspec.structs.replace(loaded, settings=settings)

    def change(self, mutation: Mutation) -> None:
        """Judge a change of the tree."""
        for option in mutation.options or ("",):
            made, what = applied(self.tree, mutation, option)
            model = self._compiled(made, self._folder)
            if model is not None:
                where = ".".join(map(str, mutation.path))
                self._judge(*model, Survivor(mutation.mark.file, mutation.mark.line, f"{where} {what}"))
                return
        self.result.unsound += 1

    def files(self, folder: Path, what: Survivor) -> None:
        """Judge a change of a CSV file."""
        model = self._compiled(copy.deepcopy(self.tree), folder)
        if model is None:
            self.result.unsound += 1
        else:
            self._judge(*model, what)

    def _compiled(self, tree: Mapping, folder: Path) -> tuple[Loaded, Model] | None:
        loaded = self._validated(tree, folder)
        try:
            return loaded, model_of(loaded)
        except ConfigError:
            return None

    def _judge(self, loaded: Loaded, model: Model, what: Survivor) -> None:
        if _decisive(model) == self._decisive:
            self.result.same += 1
            return
        found, problems = cases.cases(loaded, model)
        noticed = "" if problems else self._noticed(model, {case.name: case for case in found})
        if noticed:
            self._order.remove(noticed)
            self._order.insert(0, noticed)
        if noticed or problems:
            self.result.killed += 1
        else:
            self.result.survivors.append(what)

    def _noticed(self, model: Model, found: dict[str, Case]) -> str:
        return next((name for name in self._order if testing.run(model, [found[name]]).red), "")


def _without_tests(tree: Mapping) -> Mapping:
    return Mapping({key: entry for key, entry in tree.entries.items() if key != TESTS}, tree.mark)


def _decisive(model: Model) -> Model:
    """The model without what no plan depends on: it is read by whoever answers or carries out a step, shows a
    directory, or tells why."""
    replace = msgspec.structs.replace
    lines = {
        name: replace(
            line,
            group="",
            listed=True,
            delegates=tuple(replace(each, pickup=True, monitor=False) for each in line.delegates),
        )
        for name, line in model.lines.items()
    }
    queues = {name: replace(queue, members=(), overflow=None) for name, queue in model.queues.items()}
    attendants = {name: replace(each, say="") for name, each in model.attendants.items()}
    lots = {name: replace(each, timeout_s=120.0, fallback=None, music="") for name, each in model.park_lots.items()}
    return placeless(
        replace(
            model,
            version="",
            lines=lines,
            queues=queues,
            attendants=attendants,
            park_lots=lots,
            claimed=frozenset(),
            call_keys={},
        )
    )


def _rows(folder: Path) -> Iterator[tuple[str, int, str, str]]:
    """Each row of each CSV file taken out, and each of its prices a hundred times as high: file, line, what, text."""
    for path in sorted(folder.glob("*.csv")):
        lines = path.read_text().splitlines(keepends=True)
        delimiter = max(",;\t|", key=lines[0].count)
        for at in range(1, len(lines)):
            (fields,) = csv.reader([lines[at].rstrip("\r\n")], delimiter=delimiter)
            row = " ".join(fields[:2])
            yield path.name, at + 1, f"row {row} deleted", "".join(lines[:at] + lines[at + 1 :])
            for column, field in enumerate(fields):
                whole, point, part = field.partition("." if "." in field else ",")
                if point and whole.isdigit() and part.isdigit():
                    dear = [*fields[:column], f"9{whole}{point}{part}", *fields[column + 1 :]]
                    text = delimiter.join(f'"{each}"' if delimiter in each else each for each in dear) + "\n"
                    yield (
                        path.name,
                        at + 1,
                        f"row {row}: `{field}` is dear",
                        "".join([*lines[:at], text, *lines[at + 1 :]]),
                    )
