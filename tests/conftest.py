"""What holds for every test."""

import gc
import os
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

# A test never asserts a wall-clock time, so Hypothesis does not either. `script/properties` brings its own profile.
if "tests.support.properties" not in sys.modules:
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")

# The tests start hundreds of processes; each would compile all of the modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LONG = (
    *(
        "e2e_crash",
        "e2e_upgrade",
        "e2e_dialplan",
        "e2e_serve",
        "e2e_commands",
        "e2e_tls",
        "e2e_calls",
        "e2e_sipvicious",
    ),
    *("e2e_sipp", "e2e_recording", "e2e_lamps", "e2e_voicemail", "e2e_namespaces", "e2e_transfer", "e2e_outbound"),
    *("fuzz", "config_properties", "live_facts", "mutants", "media_worker", "hours", "dialplan_people_properties"),
    *("dialplan_walk_properties", "media_engine_conformance", "net_tls", "flow_machine"),
)
"""The files of tests that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those of many tests, so that all workers come to the end together. Real telephones on a
    machine that is busy otherwise need more than the usual minute, before something hangs."""
    many = Counter(item.path for item in items)
    place = {f"test_{name}.py": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: (place.get(item.path.name, len(LONG)), -many[item.path]))
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

    config.option.loadscopereorder = False  # they are in order already: see pytest_collection_modifyitems
    return LoadFileScheduling(config, log) if config.getvalue("dist") == "load" else None
