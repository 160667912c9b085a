"""What holds for every test."""

from hypothesis import settings

# A test never asserts a wall-clock time, so Hypothesis does not either.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
