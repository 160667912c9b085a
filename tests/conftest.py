"""What holds for every test."""

import sys

from hypothesis import settings

# A test never asserts a wall-clock time, so Hypothesis does not either. `script/properties` brings its own profile.
if "tests.support.properties" not in sys.modules:
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")
