"""What every flow test gets, and what is looked at after each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scene import Scene


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A scene; `pytest.mark.parametrize("scene", [...], indirect=True)` hands knobs of the exchange."""
    made = Scene(**getattr(request, "param", {}))
    yield made
    made.finish()
