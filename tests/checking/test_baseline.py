"""Baselines: known findings are accepted until a date, and are findings again when it has passed or they got worse."""

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.checking.test_formats import NOW, frame
from toolkit import checking
from toolkit.errors import OutputError, ReadError, UsageError

UNTIL = NOW + timedelta(days=30)


@pytest.fixture
def checks() -> pd.DataFrame:
    made = frame()
    return made.assign(accepted_until_at=pd.Series(pd.NaT, made.index, dtype=made["accepted_until_at"].dtype))


@pytest.fixture
def baseline(checks: pd.DataFrame, tmp_path: Path) -> Path:
    checking.write_baseline(checks, tmp_path / "baseline.json", until=UNTIL, now=NOW)
    return tmp_path / "baseline.json"


def edited(baseline: Path, **changes: object) -> Path:
    """The baseline with its first entry changed."""
    held = json.loads(baseline.read_text())
    held["accepted"][0] |= changes
    baseline.write_text(json.dumps(held))
    return baseline


def test_an_entry_gets_its_date_by_hand_as_the_command_line_takes_it(checks: pd.DataFrame, baseline: Path) -> None:
    accepted = checking.accept(checks, edited(baseline, until="2999-01-01"), now=NOW)
    assert accepted["accepted_until_at"].max() == pd.Timestamp("2999-01-01", tz="UTC")
    with pytest.raises(ReadError, match=r"entry \w+: until='soon' is not an instant.* Correct that entry"):
        checking.accept(checks, edited(baseline, until="soon"), now=NOW)


def test_what_is_accepted_is_counted_apart_and_comes_last(checks: pd.DataFrame, baseline: Path) -> None:
    before = checking.count(checks)
    accepted = checking.accept(checks, baseline, now=NOW)
    assert checking.count(accepted) == before | {"findings": 0, "accepted": before["findings"]}
    assert accepted.dtypes.equals(checks.dtypes)
    assert accepted["accepted_until_at"].dropna().eq(pd.Timestamp(UNTIL)).all()
    assert checking.count_services(accepted)["findings"].sum() == 0
    assert next(checking.describe(accepted)) == "0 findings"
    assert f"accepted: {before['findings']} findings" in list(checking.describe(accepted))
    one = edited(baseline, finding_id="0" * 16)
    partly = checking.accept(checks, one, now=NOW)
    assert checking.count(partly)["findings"] == 1
    assert pd.isna(partly["accepted_until_at"].iloc[0])
    assert partly["severity"].iloc[0] == "critical"


def test_an_acceptance_that_ended_is_a_finding_again_and_says_so(checks: pd.DataFrame, baseline: Path) -> None:
    ended = checking.accept(checks, baseline, now=UNTIL)
    assert checking.count(ended) == checking.count(checks)
    reasons = ended.loc[ended["is_finding"].fillna(value=False), "reason"]
    assert reasons.str.endswith("its acceptance ended on 2026-03-03 00:00").all()


def test_a_finding_that_got_worse_is_a_finding_again(checks: pd.DataFrame, baseline: Path) -> None:
    worse = checking.accept(checks, edited(baseline, severity="low"), now=NOW)
    assert checking.count(worse)["findings"] == 1
    assert worse["reason"].iloc[0].endswith("it was accepted as low, and is critical now")


def test_what_is_gone_is_named_and_a_new_baseline_keeps_the_dates(checks: pd.DataFrame, baseline: Path) -> None:
    assert checking.find_gone(checks, baseline) == []
    assert len(checking.find_gone(checks[2:], baseline)) == 2, "other rows of these checks and services are judged"
    accepted = checking.accept(checks, edited(baseline, until="2026-12-01T00:00:00+00:00"), now=NOW)
    checking.write_baseline(accepted, baseline, until=UNTIL + timedelta(days=1), now=NOW)
    dates = {entry["until"][:10] for entry in json.loads(baseline.read_text())["accepted"]}
    assert dates == {"2026-12-01", "2026-03-03"}


def test_entries_about_what_is_not_judged_are_not_gone_and_stay_until_their_date(
    checks: pd.DataFrame, baseline: Path, tmp_path: Path
) -> None:
    whole = json.loads(edited(baseline, why="known").read_text())["accepted"]
    is_of_first = checking.name_services(checks) == checking.name_services(checks)[0]
    rest = checks[~is_of_first]
    unknown = checks.assign(is_finding=checks["is_finding"].mask(is_of_first), finding_id=rest["finding_id"])
    for partial in (rest, unknown):
        assert checking.find_gone(partial, baseline) == []
        checking.write_baseline(partial, tmp_path / "next.json", until=UNTIL, now=NOW, earlier=baseline)
        kept = json.loads((tmp_path / "next.json").read_text())["accepted"]
        assert sorted(kept, key=str) == sorted(whole, key=str)
    checking.write_baseline(rest, baseline, until=UNTIL + timedelta(days=1), now=UNTIL)
    assert len(json.loads(baseline.read_text())["accepted"]) == rest["is_finding"].eq(True).sum() < len(whole)


def test_an_entry_that_does_not_say_what_it_is_about_stays(checks: pd.DataFrame, baseline: Path) -> None:
    held = {"accepted": [{"finding_id": "0", "until": UNTIL.isoformat(), "severity": "low", "service": ["a"]}]}
    baseline.write_text(json.dumps(held))
    assert checking.find_gone(checks, baseline) == []
    checking.write_baseline(checks, baseline, until=UNTIL, now=NOW)
    assert json.loads(baseline.read_text())["accepted"][-1]["finding_id"] == "0"


@pytest.mark.parametrize("held", [
    "", "[]", "{}", "null", '{"accepted": [1]}', '{"accepted": [{"finding_id": "a"}]}', '{"accepted": 1}',
    '{"accepted": [{"finding_id": "a", "until": "soon", "severity": "low"}]}',
    '{"accepted": [{"finding_id": "a", "until": "2026-03", "severity": "low"}]}',
    '{"accepted": [{"finding_id": "a", "until": 5, "severity": "low"}]}',
    '{"accepted": [{"finding_id": "a", "until": "2026-03-01T00:00Z", "severity": "mild"}]}',
    '{"accepted": [{"finding_id": "a", "until": "2026-03-01T00:00Z", "severity": []}]}', "[" * 100_000, "\xff",
])  # fmt: skip
def test_a_file_that_is_not_a_baseline_is_refused(checks: pd.DataFrame, tmp_path: Path, held: str) -> None:
    (tmp_path / "wrong").write_text(held, encoding="latin-1")
    with pytest.raises(ReadError):
        checking.accept(checks, tmp_path / "wrong", now=NOW)


def test_broken_json_is_named_with_its_line(checks: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text('{"accepted": [\n oops')
    with pytest.raises(ReadError, match=r"line 2 is not JSON.*--write-baseline"):
        checking.accept(checks, tmp_path / "wrong", now=NOW)


def test_wrong_dates_and_places_are_errors(checks: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        checking.accept(checks, tmp_path / "missing", now=NOW)
    with pytest.raises(UsageError, match="give a later date"):
        checking.write_baseline(checks, tmp_path / "b", until=NOW, now=NOW)
    with pytest.raises(OutputError, match="Name another file"):
        checking.write_baseline(checks, tmp_path / "missing" / "b", until=UNTIL, now=NOW)
