"""`ringplan status` and doctor name a trunk that does not work, whatever the reason."""

import pytest

from switch import trunk_views
from switch.views import TrunkHostView, TrunkView

WELL = TrunkHostView(host="udp 192.0.2.9:5060", state="well")


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        (TrunkView(trunk="t", hosts=(WELL,), registration="registered"), []),
        (
            TrunkView(trunk="t", hosts=(WELL,), registration="failed", why="403 Forbidden"),
            ["trunk t is not registered: 403 Forbidden"],
        ),
        (TrunkView(trunk="t"), ["trunk t: none of its hosts is found"]),
    ],
)
def test_each_failure_has_its_sentence(trunk, said, monkeypatch):
    monkeypatch.setattr(trunk_views, "trunk_views", lambda core, now: (trunk,))
    assert list(trunk_views.sick(None, 0.0)) == said
