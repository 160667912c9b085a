"""The models that calls were decided by, as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dialplan import model as m
from dialplan.routes import RouteRule, Row, table
from switch import models
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
