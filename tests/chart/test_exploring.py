"""Interactive charts: they draw the rows of the printed charts, and text from servers stays text."""

import json
import re
import sys
from typing import Any

import pandas as pd
import pytest
import vl_convert

import toolkit
from tests.chart.frames import HOSTILE, at
from toolkit.chart import InteractiveChart, explore_expiry, explore_rotations, explore_support
from toolkit.chart.interactive import unique
from toolkit.errors import UsageError

NOW = "2026-01-24T00:00:00Z"
TABLES = toolkit.load_example("lab-sample")


@pytest.fixture(scope="module")
def rotations() -> pd.DataFrame:
    return toolkit.find_rotations(TABLES)


@pytest.fixture(scope="module")
def expiry() -> pd.DataFrame:
    return toolkit.summarise_expiry(TABLES, now=NOW)


def rows(chart: InteractiveChart, **chosen: str) -> list[dict[str, Any]]:
    """The data of the chart, as a page has it."""
    (written,) = re.findall(r'<script type="application/json">(.*?)</script>', chart.as_part(), re.DOTALL)
    values = json.loads(written)["data"]["values"]
    return [row for row in values if chosen.items() <= row.items()]


def test_each_certificate_and_each_certain_overlap_of_a_slot_is_drawn(rotations: pd.DataFrame) -> None:
    chart = explore_rotations(rotations, now=NOW)
    certain = rotations[(rotations["overlap_min_days"] > 0) & ~rotations["is_ambiguous"]]
    boxes = [(box["successor"], box["overlap at least [days]"]) for box in rows(chart, kind="overlap")]
    assert sorted(boxes) == sorted(
        (pair.successor_sha256, f"{pair.overlap_min_days:,.1f}") for pair in certain.itertuples()
    )
    leaves = {*rotations["predecessor_sha256"], *rotations["successor_sha256"]}
    assert {life["fingerprint"] for life in rows(chart, kind="life")} == leaves
    assert len(rows(chart, kind="rollback")) == rotations["is_rollback"].sum()


def test_an_instant_is_drawn_where_it_is_and_written_in_utc(rotations: pd.DataFrame) -> None:
    pair = rotations.dropna(subset=["start_max_at"]).iloc[[0]]
    lives = rows(explore_rotations(pair), kind="life", fingerprint=str(pair["successor_sha256"].iloc[0]))
    begins = pair["successor_not_before"].iloc[0]
    assert [life["begin"] for life in lives] == [round(begins.timestamp() * 1000)]
    assert [life["valid from"] for life in lives] == [f"{begins:%Y-%m-%d %H:%M} UTC"]


def test_more_slots_are_drawn_than_fit_a_page(rotations: pd.DataFrame) -> None:
    many = pd.concat(
        [rotations.iloc[[0]].assign(service=f"smtp://mx{number}.example:25") for number in range(60)],
        ignore_index=True,
    )
    labels = [row["label"] for row in rows(explore_rotations(many), kind="life")]
    assert list(dict.fromkeys(labels)) == [f"smtp://mx{number}.example:25" for number in range(60)]


def test_the_state_of_each_certificate_is_drawn(expiry: pd.DataFrame) -> None:
    chart = explore_expiry(expiry)
    drawn = rows(chart)
    assert sorted(row["fingerprint"] for row in drawn) == sorted(expiry["leaf_sha256"])
    in_use = expiry[expiry["state"].isin(["valid", "expiring", "expired", "replacing", "not_yet_valid"])]
    fronts = rows(chart, kind="front")
    assert {row["fingerprint"] for row in fronts} == set(in_use["leaf_sha256"])
    (expired,) = rows(chart, state="expired (still shown)")
    assert expired["label"] == "smtp://legacy.lab.test:25"
    assert expired["row"] == 0, "what ended first comes first"


def test_certificates_in_use_have_a_lane_each_and_no_other_is_drawn_through_them(expiry: pd.DataFrame) -> None:
    drawn = pd.DataFrame(rows(explore_expiry(expiry)))
    fronts = drawn[drawn["kind"] == "front"].set_index(["label", "lane"])
    behind = drawn[drawn["kind"] == "behind"].set_index(["label", "lane"])
    assert fronts.index.is_unique
    assert len(behind)
    assert not behind.index.isin(fronts.index).any()


def test_support_has_a_cell_for_each_service_and_cipher_that_one_accepts() -> None:
    support = toolkit.summarise_support(TABLES, now=NOW)
    chart = explore_support(support)
    assert "colour: ietf, by the rules of the answer's day" in chart.description
    cells = rows(chart)
    assert len({(cell["label"], cell["cipher"]) for cell in cells}) == len(cells)
    printed = toolkit.chart.plot_support(support, view="services")
    labels = [tick.get_text() for tick in printed.get_yticklabels()]
    assert list(dict.fromkeys(cell["label"] for cell in sorted(cells, key=lambda cell: cell["row"]))) == labels


def test_text_from_servers_stays_text(rotations: pd.DataFrame, expiry: pd.DataFrame) -> None:
    names = [f"https://{name}</script><img src=x onerror=y>:443" for name in HOSTILE.values()]
    pairs = pd.concat([rotations.iloc[[0]].assign(service=name) for name in names], ignore_index=True)
    ends = [expiry.iloc[[0]].assign(service=name, subject=name, issuer=name) for name in names]
    for chart in (explore_rotations(pairs), explore_expiry(pd.concat(ends, ignore_index=True))):
        part = chart.as_part()
        assert re.findall(r"<(\w+)", part) == ["div", "script"]
        assert part.count("</script>") == 1
        said = json.dumps(rows(chart), ensure_ascii=False)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", said)
        assert len({row["label"] for row in rows(chart)}) == len(names)


def test_labels_of_different_slots_differ() -> None:
    assert unique(["a", "b", "a\nfor c", r"\$a", "a"]) == ["a", "b", "a for c", "$a", "a (2)"]


@pytest.mark.parametrize(("wanted", "shown"), [("(", "no service matches"), ("WWW", "https://www.lab.test:443")])
def test_a_filter_that_matches_nothing_says_so(rotations: pd.DataFrame, wanted: str, shown: str) -> None:
    specification = explore_rotations(rotations).chart.to_dict()
    next(param for param in specification["params"] if param["name"] == "wanted")["value"] = wanted
    drawn = vl_convert.vegalite_to_svg(specification)
    labels = {label for label in re.findall(r">([^<>]+)</text>", drawn) if "//" in label or "no " in label}
    assert labels == {shown}


def test_what_is_unknown_is_a_dash(rotations: pd.DataFrame) -> None:
    pair = rotations.iloc[[0]].assign(overlap_min_days=1.0, is_ambiguous=False, overlap_max_days=pd.NA)
    (box,) = rows(explore_rotations(pair), kind="overlap")
    assert box["overlap at most [days]"] == "–"
    far = pair.assign(successor_not_after=at("9999-12-31"))
    assert {"9999-12-31 00:00 UTC"} <= {life["valid until"] for life in rows(explore_rotations(far), kind="life")}


def test_jupyterlab_is_given_what_it_draws_by_itself(expiry: pd.DataFrame) -> None:
    bundle = explore_expiry(expiry)._repr_mimebundle_()
    assert bundle["application/vnd.vegalite.v5+json"]["$schema"].endswith("/v5.json")
    assert bundle["text/plain"] == "<InteractiveChart: What expires when  ·  lab data>"


def test_an_empty_frame_says_so(rotations: pd.DataFrame, expiry: pd.DataFrame) -> None:
    support = toolkit.summarise_support(TABLES, now=NOW)
    for chart in (explore_rotations(rotations[:0]), explore_expiry(expiry[:0]), explore_support(support[:0])):
        (row,) = rows(chart)
        assert row["why"]
        assert row["why"] in chart.description


def test_another_frame_and_a_missing_library_are_refused(
    monkeypatch: pytest.MonkeyPatch, rotations: pd.DataFrame, expiry: pd.DataFrame
) -> None:
    with pytest.raises(UsageError, match=r"call toolkit\.find_rotations for it"):
        explore_rotations(expiry)
    with pytest.raises(UsageError, match=r"call toolkit\.summarise_expiry"):
        explore_expiry(rotations)
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(UsageError, match=r"pip install 'tls-toolkit\[interactive\]'"):
        explore_rotations(rotations)
