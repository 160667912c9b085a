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
from dialplan.model import Model
from tests.mutants.mutations import Mutation, applied, mutations


class Result(msgspec.Struct):
    """What became of the mutants. `unsound` did not compile, `same` decides the same, and `survivors` were not
    noticed, each as `FILE:LINE: what was changed`. `tests` is how many tests there are."""

    tests: int = 0
    killed: int = 0
    unsound: int = 0
    same: int = 0
    survivors: list[str] = []


def run(folder: Path, wanted: Callable[[int], bool] = lambda number: True) -> Result:
    """All mutants of a configuration of several files, or those whose number is `wanted`."""
    document = loader.load(folder)
    judge = _Judge(document, folder)
    for number, mutation in enumerate(mutations(document.tree)):
        if wanted(number):
            judge.tree(mutation)
    with tempfile.TemporaryDirectory() as name:
        copied = Path(shutil.copytree(folder, Path(name) / folder.name))
        for number, (file, line, what, text) in enumerate(_rows(folder)):
            if wanted(number):
                original = (copied / file).read_text()
                (copied / file).write_text(text)
                judge.files(copied, f"{folder / file}:{line}: {what}")
                (copied / file).write_text(original)
    return judge.result


class _Judge:
    """Compiles mutants and lets the tests judge them. The test that noticed the last one is asked first."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        loaded = self._validated(document.tree, folder)
        self._model = model_of(loaded)
        found, problems = cases.cases(loaded, self._model)
        red = testing.run(self._model, found).red
        if problems or red:
            raise ConfigError([*problems, *(each.problem() for each in red)])
        self._order = [case.name for case in found]
        self.result = Result(tests=len(found))

    def _validated(self, tree: Mapping, folder: Path) -> Loaded:
        document = self._document
        return validate(Document(copy.deepcopy(tree), list(document.problems), document.whole), folder)

    def tree(self, mutation: Mutation) -> None:
        """Judge a change of the tree."""
        for option in mutation.options or ("",):
            made, what = applied(self._document.tree, mutation, option)
            model = self._compiled(made, self._folder)
            if model is not None:
                place, _, where = str(mutation).partition(": ")
                self._judge(*model, f"{place}: {where.partition(': ')[0]} {what}")
                return
        self.result.unsound += 1

    def files(self, folder: Path, what: str) -> None:
        """Judge a change of a CSV file."""
        model = self._compiled(self._document.tree, folder)
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

    def _judge(self, loaded: Loaded, model: Model, what: str) -> None:
        if model.version == self._model.version:
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


def _rows(folder: Path) -> Iterator[tuple[str, int, str, str]]:
    """Each row of each CSV file taken out, and each of its prices a hundred times as high: file, line, what, text."""
    for path in sorted(folder.glob("*.csv")):
        lines = path.read_text().splitlines(keepends=True)
        delimiter = max(",;\t|", key=lines[0].count)
        for at in range(1, len(lines)):
            yield path.name, at + 1, "row deleted", "".join(lines[:at] + lines[at + 1 :])
            (fields,) = csv.reader([lines[at].rstrip("\r\n")], delimiter=delimiter)
            for column, field in enumerate(fields):
                whole, point, part = field.partition("." if "." in field else ",")
                if point and whole.isdigit() and part.isdigit():
                    dear = [*fields[:column], f"9{whole}{point}{part}", *fields[column + 1 :]]
                    text = delimiter.join(f'"{each}"' if delimiter in each else each for each in dear) + "\n"
                    yield path.name, at + 1, f"`{field}` is dear", "".join([*lines[:at], text, *lines[at + 1 :]])
