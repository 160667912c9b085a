"""A worker's lines look like those of the other processes (`switch.logs`, `switch.supervisor.write_log`)."""

import json
import logging
import sys

from media.lines import Lines


def record(**options):
    made = logging.LogRecord("ringplan.media.worker", logging.WARNING, "w.py", 1, "only %d", (9,), None, **options)
    made.created = 1_700_000_000.25
    return made


def test_words_at_a_terminal_and_json_elsewhere():
    assert Lines(words=True).format(record()) == "22:13:20 [warning  ] only 9 logger=ringplan.media.worker"
    assert json.loads(Lines(words=False).format(record())) == {
        "event": "only 9",
        "level": "warning",
        "logger": "ringplan.media.worker",
        "timestamp": "2023-11-14T22:13:20Z",
    }


def test_what_was_raised_is_told_in_one_line_of_json():
    try:
        raise ValueError("so")
    except ValueError:
        made = record()
        made.exc_info = sys.exc_info()
    line = Lines(words=False).format(made)
    assert "\n" not in line
    assert "ValueError: so" in json.loads(line)["exception"]
    assert Lines(words=True).format(made).endswith("ValueError: so")
