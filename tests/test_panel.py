"""The lab's panel: its methods without a notebook, its buttons, and what it shows."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import toolkit
import toolkit.panel
from toolkit import LabPanel, Tables
from toolkit.errors import LabError, UsageError
from toolkit.lab import scenario


@pytest.fixture(scope="module")
def panel() -> Iterator[LabPanel]:
    with LabPanel(scenario("slow-rollout", backends=2), seed=7, samples=1) as panel:
        yield panel


def press(panel: LabPanel, words: str) -> str:
    """Click a button of the panel; the message that it then shows."""
    assert panel._widgets is not None
    rows = [widget for row in panel._widgets.all.children for widget in getattr(row, "children", ())]
    (button,) = [widget for widget in rows if getattr(widget, "description", "") == words]
    button.click()
    return str(panel._widgets._message.value)


def test_what_is_served_is_the_truth_at_the_time_of_the_lab(panel: LabPanel) -> None:
    for _ in range(4):
        served = panel.served()
        (target,) = panel.lab.targets
        seen = toolkit.observe(target, clock=panel.lab.clock, progress=False).observations
        assert set(seen["leaf_sha256"]) <= set(served["leaf_sha256"])
        assert (served["served_from_at"] <= panel.lab.clock()).all()
        assert list(served["backend"]) == [0, 1]
        panel.lab.clock.advance(timedelta(days=19))


def test_a_button_turns_the_clock_and_everything_follows(panel: LabPanel) -> None:
    shown = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["text/plain"] == repr(panel)
    before, looks = panel.lab.clock(), len(panel.tables.observations)
    assert press(panel, "Turn the clock") == ""
    assert panel.lab.clock() == before + timedelta(days=1)
    assert len(panel.tables.observations) == looks + 1
    now = panel._repr_mimebundle_()["text/html"]
    assert f"Lab time {panel.lab.clock():%Y-%m-%d}" in now
    assert now != shown["text/html"]
    assert re.findall(r'<img alt="Chart: ([\w ]+)', now) == ["Certificates seen  ", "What expires when  "]
    assert press(panel, "Observe again") == ""
    assert len(panel.tables.observations) == looks + 2


def test_after_the_end_of_its_schedule_the_panel_says_that_nothing_changes() -> None:
    with LabPanel(scenario("slow-rollout", backends=2), seed=7, samples=1) as panel:
        panel.lab.clock.advance(panel.lab.ends_at - panel.lab.clock())
        assert "schedule has ended" not in panel._repr_mimebundle_()["text/html"]
        served = panel.served()
        panel.lab.clock.advance(timedelta(days=30))
        assert "schedule has ended" in panel._repr_mimebundle_()["text/html"]
        assert panel.served().equals(served)


def test_an_interrupted_run_keeps_what_was_seen(panel: LabPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupted(*targets: Any, **settings: Any) -> Tables:
        calls.append(targets)
        seen = toolkit.observe(*targets, **settings)
        return replace(seen, rounds=seen.rounds.assign(end_reason="interrupted"))

    looks = len(panel.tables.observations)
    monkeypatch.setattr(toolkit.panel, "observe", interrupted)
    panel.run(5)
    assert len(calls) == 1
    assert len(panel.tables.observations) == looks + 1


def test_after_the_servers_stopped_the_button_says_what_to_do() -> None:
    with LabPanel(seed=7) as panel:
        panel._repr_mimebundle_()
        assert press(panel, "Stop the servers") == ""
        assert "servers stopped" in panel._repr_mimebundle_()["text/html"]
        before = panel.lab.clock()
        assert "are stopped: make another" in press(panel, "Turn the clock")
        assert panel.lab.clock() == before
        with pytest.raises(LabError, match="are stopped"):
            panel.observe()
        with pytest.raises(UsageError, match="rounds=0"):
            panel.run(0)
