"""What holds for every test."""

import gc
import os
import sys
from typing import Any

import pytest
from hypothesis import settings

# A test never asserts a wall-clock time, so Hypothesis does not either. `script/properties` brings its own profile.
if "tests.support.properties" not in sys.modules:
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")

# The tests start hundreds of processes; each would compile all of the modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real telephones on a machine that is busy otherwise need more than the usual minute, before something hangs."""
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay to the end: no collection of garbage needs to look at them again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With `-n`, the tests of a file stay together: a house with its telephones is set up once, not by every worker."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getvalue("dist") == "load" else None
