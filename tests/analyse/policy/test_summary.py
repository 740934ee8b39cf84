"""Findings counted in linear time give what counting row by row gives."""

import pandas as pd
import pytest

import toolkit
from tests.analyse.policy.naive import summarise_naively
from toolkit.analyse import judge, summarise_findings
from toolkit.analyse.policy.summary import SUMMARY
from toolkit.columns import dtypes
from toolkit.errors import UsageError


@pytest.fixture(scope="module")
def findings() -> pd.DataFrame:
    """Findings dated to the instant, by bounds and not at all, of rules and published statements."""
    return judge(toolkit.load_example("google-mail"), ["ietf", "baseline", "google-help"])


@pytest.mark.parametrize("by", ["verdict", "found", "run"])
@pytest.mark.parametrize("order", ["as judged", "shuffled", "services taken together"])
def test_the_summary_is_what_counting_row_by_row_gives(findings: pd.DataFrame, by: str, order: str) -> None:
    if order == "shuffled":
        findings = findings.sample(frac=1, random_state=1)
    if order == "services taken together":
        findings = findings.assign(service=None, host=None)
    summary = summarise_findings(findings, by=by)  # type: ignore[arg-type]
    assert summary.dtypes.astype(str).to_dict() == dtypes(SUMMARY)
    expected = pd.DataFrame(summarise_naively(findings, by)).reindex(columns=list(dtypes(SUMMARY)))
    pd.testing.assert_frame_equal(summary, expected.astype(dtypes(SUMMARY)))
    assert len(summary) > 15


def test_an_index_with_repeats_changes_nothing(findings: pd.DataFrame) -> None:
    repeated = findings.set_axis([0] * len(findings))
    for by in ("verdict", "found", "run"):
        pd.testing.assert_frame_equal(
            summarise_findings(repeated, by=by),  # type: ignore[arg-type]
            summarise_findings(findings, by=by),  # type: ignore[arg-type]
        )


def test_an_unknown_way_to_count_is_refused(findings: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"by='stretch' is not known\. Known: verdict, found, run"):
        summarise_findings(findings, by="stretch")  # type: ignore[arg-type]


def test_several_policies_give_the_findings_of_each() -> None:
    tables = toolkit.load_example("google-mail")
    both = judge(tables, ["ietf", "baseline"])
    apart = [judge(tables, policy) for policy in ("ietf", "baseline")]
    assert both["policy"].value_counts().to_dict() == {"ietf": len(apart[0]), "baseline": len(apart[1])}
