"""The models that calls were decided by, as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config import validate
from config.compile import compile_loaded
from config.loader import read
from dialplan import model as m
from dialplan.routes import RouteRule, Row, table
from switch import configuration, models
from switch.private import write_private
from tests.support.exchange import house


def with_routes() -> m.Model:
    rule = RouteRule(id="routes.csv", trunks=("carrier",))
    rows = [Row(f"+{44_000_000 + n}", rule, n % 90, 0, n) for n in range(5000)]
    return m.versioned(msgspec.structs.replace(house(), routes=table(rows)))


def test_a_model_is_found_by_its_version_and_takes_little_room(tmp_path: Path) -> None:
    """A carrier's 50,000 routes, 200 times, shall not fill a disk."""
    model = with_routes()
    models.keep(tmp_path, model)
    assert models.find(tmp_path, model.version) == model
    kept = tmp_path / models.FOLDER / f"{model.version}.msgpack"
    assert kept.stat().st_size < len(msgspec.msgpack.encode(model)) / 3
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_an_earlier_version_has_kept_is_read(tmp_path: Path) -> None:
    model = house()
    (tmp_path / models.FOLDER).mkdir()
    (tmp_path / models.FOLDER / f"{model.version}.msgpack").write_bytes(msgspec.msgpack.encode(model))
    assert models.find(tmp_path, model.version) == model


def test_a_damaged_one_is_none(tmp_path: Path) -> None:
    model = house()
    models.keep(tmp_path, model)
    kept = tmp_path / models.FOLDER / f"{model.version}.msgpack"
    kept.write_bytes(kept.read_bytes()[:100])
    assert models.find(tmp_path, model.version) is None
    assert models.find(tmp_path, "../x") is None


def test_who_is_killed_while_a_configuration_is_kept_leaves_none_without_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it the kept one is in force, and its calls are explained by the kept model."""
    compiled = compile_loaded(validate.validate(read("country: US\nlines: {alice: {}}\n", "a.yaml"), Path()), "a", {})
    for kept in range(2):
        folder, left = tmp_path / str(kept), [kept]
        folder.mkdir()

        def write(path: Path, data: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt  # as good as a kill: nobody sees to it
            left[0] -= 1
            write_private(path, data)

        monkeypatch.setattr(models, "write_private", write)
        monkeypatch.setattr(configuration, "write_private", write)
        with pytest.raises(KeyboardInterrupt):
            configuration.keep(folder, compiled)
        after = configuration.kept(folder)
        assert after is None or models.find(folder, after.model.version) is not None
