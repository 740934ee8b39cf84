"""A panel for a notebook that drives a lab: turn its clock, observe its services, and see the charts follow."""

import base64
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from io import BytesIO
from types import TracebackType
from typing import Any, Final, Self

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from toolkit import text
from toolkit.analyse import find_sightings, summarise_expiry
from toolkit.arguments import require_type, require_whole
from toolkit.chart import describe_chart, plot_expiry, plot_sightings, say, tabulate
from toolkit.collection import observe
from toolkit.columns import Column, returns
from toolkit.errors import InterruptWarning, LabUsageError, ToolkitError
from toolkit.extras import require_extras
from toolkit.lab import Lab, Scenario, Schedule
from toolkit.tables import Tables

SERVED: Final = (
    Column("service", "text", "`scheme://host:port`"),
    Column("server_name", "text", "host name that clients ask for"),
    Column("address", "text", "loopback address of the backend"),
    Column("backend", "integer", "number of the backend within its service, from 0"),
    Column("key_type", "text", "RSA or EC"),
    Column("leaf_sha256", "text", "certificate that it serves"),
    Column("served_from_at", "instant", "since when it serves this certificate"),
    Column("not_after", "instant", "end of the validity of the certificate"),
)
"""Columns of `LabPanel.served`: one row per backend, server name and key type."""

_STEPS: Final = {
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "1 day": timedelta(days=1),
    "1 week": timedelta(days=7),
    "30 days": timedelta(days=30),
}
"""What the panel offers as a step of the clock."""

_HEADINGS: Final = {
    "service": "service", "server_name": "asked for", "backend": "backend", "key_type": "key type",
    "leaf_sha256": "certificate", "served_from_at": "served since", "not_after": "valid until",
}  # fmt: skip
"""Columns of `SERVED` that the panel shows → their headings."""

_MOST_ROWS: Final = 40

_AFTER_SCHEDULE: Final = "<b>The schedule has ended:</b> the servers keep their last certificates, which then expire."


class LabPanel:
    """A running lab, what was observed of it, and a panel of widgets that shows both.

    The last line of a cell, `panel` shows the lab's time, a table of what each backend serves (which a client cannot
    know), and charts of what was observed. Its buttons call the methods `observe`, `advance` and `run`, so a script
    without a notebook does the same. The extra `notebooks` brings the widgets, `lab` the servers.

    `scenario`, `seed`: those of `toolkit.lab.Lab`, whose servers run until `close`, or until this process ends.
    `samples`: looks at each address in one round. `now` in the charts is the lab's time. After the end of the schedule
    the clock can still be turned, but no certificate changes; the panel says so.

    Attributes: `lab`, the `Lab`; `tables`, all observations so far as `Tables`; `is_running`, until `close`.

    >>> from toolkit import LabPanel
    >>> from datetime import timedelta
    >>> from toolkit.lab import scenario
    >>> panel = LabPanel(scenario("slow-rollout", backends=2), seed=7, samples=1)
    >>> seen = panel.observe()
    >>> seen = panel.advance(timedelta(days=10))
    >>> panel.run(2, step=timedelta(days=30))
    >>> panel.served()["leaf_sha256"].nunique(), len(panel.tables.observations)
    (2, 4)
    >>> panel.close()
    """

    def __init__(
        self, scenario: str | Scenario | Schedule = "slow-rollout", seed: int = 0, *, samples: int = 3
    ) -> None:
        self.samples = samples
        self._open = ExitStack()
        self.lab = self._open.enter_context(Lab(scenario, seed))
        self.tables = Tables.concat([])
        self._widgets: _Widgets | None = None
        self.is_running = True

    def observe(self) -> Tables:
        """Observe every service of the lab once (`samples` looks at each address); returns the new observations.

        They are added to `tables`, and the charts are drawn again. An interrupt keeps what was seen.
        Raises `LabUsageError` after `close`.

        >>> from toolkit import LabPanel
        >>> from toolkit.lab import scenario
        >>> with LabPanel(scenario("slow-rollout", backends=1), samples=1) as panel:
        ...     panel.observe().observations[["service", "outcome"]].values.tolist()
        [['smtp://mx.lab.test:25', 'ok']]
        """
        self._require_servers()
        seen = observe(self.lab.targets, samples=self.samples, clock=self.lab.clock, progress=False)
        self.tables = Tables.concat([self.tables, seen])
        self._follow()
        return seen

    def advance(self, step: timedelta = timedelta(days=1)) -> Tables:
        """Turn the lab's clock forward by `step`, then `observe`.

        Raises `LabUsageError` for a negative step, and after `close`.

        >>> from datetime import timedelta
        >>> from toolkit import LabPanel
        >>> from toolkit.lab import scenario
        >>> with LabPanel(scenario("slow-rollout", backends=1), samples=1) as panel:
        ...     first, second = panel.observe(), panel.advance(timedelta(hours=6))
        >>> (second.observations["observed_at"] - first.observations["observed_at"]).dt.round("min").tolist()
        [Timedelta('0 days 06:00:00')]
        """
        require_type("LabPanel.advance", step, timedelta, such_as="timedelta(days=1)")
        self._require_servers()
        self.lab.clock.advance(step)
        return self.observe()

    def run(self, rounds: int, *, step: timedelta = timedelta(days=1)) -> None:
        """`advance` as many times as `rounds`. An interrupt ends it early; what was seen until then is kept.

        >>> from toolkit import LabPanel
        >>> from toolkit.lab import scenario
        >>> with LabPanel(scenario("slow-rollout", backends=1), samples=1) as panel:
        ...     panel.run(3)
        ...     len(panel.tables.observations)
        3
        """
        require_whole("rounds", rounds)
        for _ in range(rounds):
            ends = self.advance(step).rounds["end_reason"]
            if (ends == "interrupted").any():
                break

    @returns(SERVED)
    def served(self) -> pd.DataFrame:
        """What each backend serves at the lab's time, by the lab's schedule.

        >>> from toolkit import LabPanel
        >>> from toolkit.lab import scenario
        >>> with LabPanel(scenario("slow-rollout", backends=1), samples=1) as panel:
        ...     panel.served()[["service", "backend", "key_type"]].values.tolist()
        [['smtp://mx.lab.test:25', 0, 'RSA']]
        """
        truth, now = self.lab.truth, self.lab.clock()
        serving = truth.serving
        is_now = (serving["served_from_at"] <= now) & ~(serving["served_until_at"] <= now).fillna(value=False)
        ends = truth.certificates.set_index("cert_sha256")["not_after"]
        present = serving[is_now].sort_values(["service", "server_name", "backend", "key_type"], ignore_index=True)
        return present.assign(not_after=present["leaf_sha256"].map(ends))[[column.name for column in SERVED]]

    def charts(self) -> list[Axes]:
        """The charts of the panel: the certificates seen, and what expires when, at the lab's time.

        >>> from toolkit import LabPanel
        >>> from toolkit.lab import scenario
        >>> with LabPanel(scenario("slow-rollout", backends=1), samples=1) as panel:
        ...     seen = panel.observe()
        ...     [axes.get_title(loc="left") for axes in panel.charts()]
        ['Certificates seen  ·  lab data', 'What expires when  ·  lab data']
        """
        now = self.lab.clock()
        return [
            plot_sightings(find_sightings(self.tables), now=now),
            plot_expiry(summarise_expiry(self.tables, now=now)),
        ]

    def close(self) -> None:
        """Stop the servers. What was observed stays in `tables`.

        >>> from toolkit import LabPanel
        >>> panel = LabPanel()
        >>> panel.close()
        >>> panel.observe()
        Traceback (most recent call last):
        toolkit.errors.LabUsageError: The servers of this panel are stopped: make another, such as panel = LabPanel().
        """
        self._open.close()
        self.is_running = False
        self._follow()

    def _require_servers(self) -> None:
        if not self.is_running:
            raise LabUsageError("The servers of this panel are stopped: make another, such as panel = LabPanel().")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        looks = text.counted(len(self.tables.observations), "look")
        return f"<LabPanel {self.lab.schedule.scenario}, {self.lab.clock():%Y-%m-%d %H:%M} UTC, {looks}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widgets, for a notebook, and what they show as HTML for a page without a kernel.

        Raises `UsageError` where the extra `notebooks` is not installed.
        """
        if self._widgets is None:
            self._widgets = _Widgets(self)
        self._follow()
        bundle = self._widgets.all._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self), "text/html": self._widgets.as_html()}

    def _follow(self) -> None:
        if self._widgets is not None:
            self._widgets.draw()


class _Widgets:
    """The widgets of a panel; each button calls a method of it."""

    def __init__(self, panel: LabPanel) -> None:
        with require_extras("The lab's panel", "notebooks"):
            import ipywidgets  # noqa: PLC0415  a script without a notebook does not need it

        self._panel = panel
        self._clock, self._served, self._charts, self._message = (ipywidgets.HTML() for _ in range(4))
        self._step = ipywidgets.Dropdown(options=list(_STEPS), value="1 day", description="Step")
        self._rounds = ipywidgets.BoundedIntText(value=10, min=1, max=1000, description="Rounds")
        buttons = {
            "Turn the clock": lambda: panel.advance(_STEPS[self._step.value]),
            "Observe again": panel.observe,
            "Run the rounds": lambda: panel.run(self._rounds.value, step=_STEPS[self._step.value]),
            "Stop the servers": panel.close,
        }
        pressed = [ipywidgets.Button(description=words) for words in buttons]
        for button, call in zip(pressed, buttons.values(), strict=True):
            button.on_click(self._calling(call))
        turn, again, run, stop = pressed
        self.all = ipywidgets.VBox(
            [
                self._clock,
                ipywidgets.HBox([self._step, turn, again]),
                ipywidgets.HBox([self._rounds, run, stop]),
                self._message,
                self._served,
                self._charts,
            ]
        )

    def draw(self) -> None:
        """Show the lab's time, what is served, and the charts."""
        panel = self._panel
        looks = len(panel.tables.observations)
        clock = say(
            "<b>Lab time {now} UTC</b> · {n:# look} · servers {state} · scenario {scenario}, {begin} to {end}",
            now=f"{panel.lab.clock():%Y-%m-%d %H:%M}",
            n=looks,
            state="running" if panel.is_running else "stopped",
            scenario=panel.lab.schedule.scenario,
            begin=f"{panel.lab.begins_at:%Y-%m-%d}",
            end=f"{panel.lab.ends_at:%Y-%m-%d}",
        ).html
        after = f"<br>{_AFTER_SCHEDULE}" if panel.lab.clock() > panel.lab.ends_at else ""
        table = tabulate(panel.served(), columns=_HEADINGS, rows=_MOST_ROWS)
        charts = "".join(_as_image(axes) for axes in panel.charts()) if looks else "Nothing observed yet."
        # Drawing takes longest: what is shown together changes together.
        self._clock.value = f"{clock}{after}"
        self._served.value = f"<b>What each backend serves</b>{table.html}"
        self._charts.value = charts

    def as_html(self) -> str:
        """What the widgets show now, without the buttons."""
        return f"{self._clock.value}{self._served.value}{self._charts.value}"

    def _calling(self, call: Callable[[], object]) -> Callable[[object], None]:
        def press(button: object) -> None:
            self._message.value = ""
            words = []
            with warnings.catch_warnings(record=True) as noticed:
                warnings.simplefilter("always", InterruptWarning)
                try:
                    call()
                except ToolkitError as error:
                    words.append(str(error))
                except KeyboardInterrupt:  # between two observations
                    words.append("Interrupted: what was seen until then is kept.")
                    self.draw()
            words += [str(warning.message) for warning in noticed]
            self._message.value = "".join(say("{words}", words=each).html for each in words)

        return press


def _as_image(axes: Axes) -> str:
    """A chart as an HTML image with its text alternative; its figure is closed."""
    picture, figure = BytesIO(), axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(picture, format="png", bbox_inches="tight")
    plt.close(figure)
    encoded = base64.b64encode(picture.getvalue()).decode("ascii")
    alt = text.for_html(describe_chart(axes))
    return f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{encoded}">'
