"""Which rounds are resumed, and with which targets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.collection.servers import Loopback
from toolkit.cli import main
from toolkit.collection import Limits, collect, estimate_round, survey
from toolkit.errors import UsageError
from toolkit.store import Store
from toolkit.tables import Tables


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_only_a_round_that_is_there_can_be_continued(store: Store) -> None:
    with pytest.raises(UsageError, match="no such round"):
        collect("https://127.0.0.1:1", store, resume="nothing", progress=False)


def test_only_targets_of_the_round_continue_it(store: Store, brief: Limits) -> None:
    closed = [f"tls://127.0.0.1:{port}" for port in range(1, 6)]
    name = collect(closed[:2], store, limits=brief, progress=False)["round"]
    said = (
        f"resume={name!r}: that round did not have {', '.join(closed[2:])}. Leave them out, or observe them in a new "
        "round, without resume (--resume)."
    )
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        collect(closed, store, limits=brief, resume=name, progress=False)
    assert len(store.load().observations) == 2, "nothing was observed"
    for asked in (closed[:1], closed[:2]):  # the first leaves its own rows in `rounds`
        assert collect(asked, store, samples=2, limits=brief, resume=name, progress=False)["looks"] == 1


def test_only_mail_domains_of_the_round_continue_it(loopback: Loopback, store: Store, brief: Limits) -> None:
    closed, nowhere = "tls://127.0.0.1:1", loopback.answer_dns({})

    def begin(targets: list[str]) -> str:
        return str(collect(targets, store, limits=brief, resolver=nowhere, progress=False)["round"])

    def resume(name: str, *targets: str) -> int:
        end = collect(targets, store, limits=brief, resolver=nowhere, resume=name, progress=False)
        return int(end["looks"])

    without, name = begin([closed]), begin([closed, "mx:a.test"])
    rows = len(store.load().observations)
    for foreign in (without, "mx:a.test"), (name, "mx:b.test"):
        with pytest.raises(UsageError, match=rf"that round did not have {foreign[1]}\. Leave them out"):
            resume(foreign[0], closed, foreign[1])
    assert len(store.load().observations) == rows, "nothing was observed"
    assert [resume(name, closed), resume(name, "mx:a.test"), resume(name, closed, "mx:a.test")] == [0, 0, 0]
    # An earlier version did not keep the domains: they are not compared.
    start = store.load().rounds.query("phase == 'start' and round == @name")
    store.append(Tables.from_frames(rounds=start.assign(round="old", settings='{"samples": 1}')))
    assert resume("old", "mx:b.test") == 1


def test_an_estimate_leaves_out_what_the_round_has(store: Store, brief: Limits) -> None:
    closed = [f"tls://127.0.0.1:{port}" for port in (1, 2)]
    name = collect(closed, store, samples=2, limits=brief, progress=False)["round"]

    def estimate(targets: list[str], **asked: Any) -> list[Any]:
        row = estimate_round(targets, limits=brief, store=store, resume=name, **asked).iloc[0]
        return [*row[["service_count", "hosts", "looks"]]]

    assert estimate(closed, samples=2) == [2, 0, 0]
    assert estimate(closed, samples=5) == [2, 1, 6]
    assert estimate(closed[:1], samples=1, offers=["any", "rsa-2026"]) == [1, 1, 1]
    with pytest.raises(UsageError, match=r"that round did not have tls://127\.0\.0\.1:3"):
        estimate([*closed, "tls://127.0.0.1:3"])
    with pytest.raises(UsageError, match="name the store that has the round"):
        estimate_round(closed, resume=name)


@pytest.mark.parametrize("command", [["collect"], ["watch", "--every", "1h"]])
def test_a_dry_run_checks_the_round_to_resume(
    store: Store, brief: Limits, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    closed = "tls://127.0.0.1:1"
    name = str(collect(closed, store, limits=brief, progress=False)["round"])
    command = [*command, "--store", store.path, "--dry-run", "--json", "--resume"]
    assert main([*command, name, "--samples", "3", closed]) == 0
    assert [row["looks"] for row in json.loads(capsys.readouterr().out)] == [2]
    for resumed, other, why in ("nope", closed, "no such round"), (name, "tls://127.0.0.1:2", "did not have tls:"):
        assert main([*command, resumed, closed, other]) == 2
        assert why in capsys.readouterr().err


def test_a_survey_is_not_continued_as_a_round_of_looks(store: Store, brief: Limits) -> None:
    url = "tls://127.0.0.1:1"
    made = survey(url, limits=brief, store=store, progress=False).rounds
    name = made["round"].iloc[0]
    with pytest.raises(UsageError, match=f"^resume={name!r}: that round is a survey, .* Make the survey again"):
        collect(url, store, limits=brief, resume=name, progress=False)
    assert len(store.load().rounds) == len(made)
