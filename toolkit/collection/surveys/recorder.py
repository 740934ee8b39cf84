"""Records the round of a survey."""

from dataclasses import asdict

from toolkit import schema
from toolkit.collection.interrupt import interrupts
from toolkit.collection.planning import RoundPlan
from toolkit.collection.progress import Bar
from toolkit.collection.recorder import Requests, RoundRecorder
from toolkit.collection.reports import TargetsKnown
from toolkit.collection.surveys.address import count_topics
from toolkit.collection.surveys.rows import support_rows
from toolkit.collection.surveys.runner import SurveyRunner
from toolkit.tables import Tables


class SurveyRecorder(RoundRecorder):
    """Records the round of a survey; `found` holds everything once the round has ended, and is empty before."""

    _title, _unit = "Surveying", "topic"

    def __init__(
        self, name: str, plan: RoundPlan, vantage: str | None, runner: SurveyRunner, *, requests: Requests = interrupts
    ) -> None:
        super().__init__(name, plan, vantage, runner, keep=lambda _: None, requests=requests)
        self.found = Tables.from_frames()
        self._phases: list[dict[str, object]] = []
        self._surveys = runner

    def _progress(self) -> tuple[int, int]:
        """Topics answered and topics in all. A target that is not asked yet counts as one address."""
        surveyed = list(self._surveys.surveyed)
        unknown = max(self._targets - len({each.target for each in surveyed}), 0)
        topics = sum(each.survey.topics for each in surveyed) + unknown * count_topics(self._surveys.parts)
        return sum(each.survey.answered_topics for each in surveyed), topics

    def _draw(self, bar: Bar) -> None:
        bar.show(*self._progress(), connections=self._connections)

    def _settings(self) -> dict[str, object]:
        surveys = self._surveys
        return super()._settings() | {"parts": surveys.parts} | asdict(surveys.strategy) | asdict(surveys.pace)

    def _looks_planned(self, known: TargetsKnown) -> int | None:
        """Null: the number of handshakes depends on the answers."""
        return None

    def _counts(self) -> dict[str, object]:
        fewest = sum(each.survey.fewest_connections for each in self._surveys.surveyed)
        return super()._counts() | {"connections_bound": fewest}

    def _keep_batch(self, phase: dict[str, object] | None = None) -> None:
        """Keep nothing before the end: the results rest on all handshakes together."""
        if phase is None or self._described is None:
            return
        self._phases.append(self._described | {"written_at": self._plan.clock()} | phase)
        if phase["phase"] == "end":
            rows = []
            for each in self._surveys.surveyed:
                rows += support_rows(each, round_=self._name, observed_at=each.ended_at or self._plan.clock())
            # The rows have distinct keys, so `from_frames` need not look for repeats.
            self.found = Tables(support=schema.frame("support", rows), **self._rows.frames(self._phases))
