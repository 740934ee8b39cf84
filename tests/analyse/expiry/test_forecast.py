"""Forecasts against SC-081v3: each cap and each date to the second, and routines that end on a known day."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.analyse.made import at, certificate, look, now, tables
from tests.benchmarks.bench_forecast import known_on
from toolkit import Tables, load_example
from toolkit.analyse.expiry.forecast import RENEWALS, forecast_renewals
from toolkit.analyse.expiry.leads import NOT_OBSERVED
from toolkit.analyse.expiry.limits import cap_on
from toolkit.analyse.expiry.summary import describe_usual_leads, summarise_expiry
from toolkit.columns import dtypes
from toolkit.errors import UsageError
from toolkit.reference.rules import validity_caps


def served(begins: str, days: float, *, sha: str = "a", extra_seconds: int = 0) -> dict[str, object]:
    """A certificate valid for so many days, both ends counted."""
    ends = at(begins) + timedelta(days=days, seconds=extra_seconds - 1)
    return certificate(sha, begins, ends.isoformat()[:19])


def alone(begins: str, days: float, *, extra_seconds: int = 0) -> Tables:
    return tables([look("a", begins)], [served(begins, days, extra_seconds=extra_seconds)])


@pytest.mark.parametrize(
    ("instant", "days"),
    [
        ("2018-02-28T23:59:59", None), ("2018-03-01", 825), ("2020-08-31T23:59:59", 825), ("2020-09-01", 398),
        ("2026-03-14T23:59:59", 398), ("2026-03-15", 200), ("2027-03-14T23:59:59", 200), ("2027-03-15", 100),
        ("2029-03-14T23:59:59", 100), ("2029-03-15", 47), ("2040-01-01", 47),
    ],
)  # fmt: skip
def test_each_cap_holds_from_its_first_second(instant: str, days: int | None) -> None:
    cap = cap_on(at(instant), validity_caps())
    assert (cap.days if cap else None) == days


@pytest.mark.parametrize(("issued", "cap"), [("2026-03-20", 200), ("2027-03-20", 100), ("2029-03-20", 47)])
@pytest.mark.parametrize(("extra_seconds", "is_capped"), [(-1, False), (0, False), (1, True)])
def test_a_lifetime_of_exactly_the_cap_is_allowed_and_a_second_more_is_not(
    issued: str, cap: int, extra_seconds: int, is_capped: bool
) -> None:
    row = forecast_renewals(alone(issued, cap, extra_seconds=extra_seconds), now=now(issued)).iloc[0]
    assert row["cap_days"] == cap
    assert row["is_capped"] == is_capped
    assert row["lifetime_days"] == pytest.approx(cap + min(extra_seconds, 0) / 86400, abs=1e-9)
    assert (row["not_after"] - row["renews_at"]) + timedelta(seconds=1) == timedelta(
        days=cap, seconds=min(extra_seconds, 0)
    )


@pytest.mark.parametrize(
    ("second", "cap"), [("2027-03-14T23:59:59", 200), ("2027-03-15T00:00:00", 100), ("2027-03-15T00:00:01", 100)]
)
def test_the_cap_is_that_of_the_second_of_issue(second: str, cap: int) -> None:
    overdue = alone("2026-08-01", 240)
    row = forecast_renewals(overdue, now=now(second)).iloc[0]
    assert (row["renews_at"], row["cap_days"]) == (at(second), cap)


def test_a_yearly_routine_ends_at_the_first_renewal_under_the_new_cap() -> None:
    given = alone("2025-06-01", 365)
    frame = forecast_renewals(given, now=now("2025-06-02"), years=5)
    first = at("2025-06-01") + timedelta(days=365) - timedelta(days=365) / 3
    assert frame.loc[0, "renews_at"] == first.floor("s")
    assert frame["usual_lead_basis"].eq("assumed").all()
    assert frame["is_capped"].tolist()[:1] == [first >= at("2026-03-15")]
    broken = frame.loc[frame["is_capped"] | frame["is_lead_cut"], "renews_at"].iloc[0]
    assert broken == at("2027-02-01").floor("s") or broken > at("2026-03-15")
    assert frame["routine_ends_at"].eq(broken).all()


def test_a_ninety_day_routine_holds_until_the_last_cap() -> None:
    frame = forecast_renewals(alone("2026-01-01", 90), now=now("2026-01-02"), years=5)
    assert frame["routine_ends_at"].iloc[0] >= at("2029-03-15")
    before = frame[frame["renews_at"] < at("2029-03-15")]
    assert not before["is_capped"].any()
    assert before["renews_at"].diff().dropna().eq(pd.Timedelta(days=60)).all()
    after = frame[frame["renews_at"] >= at("2029-03-15")]
    assert after["is_capped"].all()
    assert after["lifetime_days"].eq(47).all()
    # The lead stays a third of the lifetime.
    assert after["lead_days"].iloc[1:].tolist() == pytest.approx([47 / 3] * (len(after) - 1))
    rhythm = after["renews_at"].diff().dropna().iloc[1:]
    assert ((rhythm - pd.Timedelta(days=47) * 2 / 3).abs() <= pd.Timedelta(seconds=1)).all()
    assert frame.groupby(frame["renews_at"].dt.year).size().loc[2027] == 6


def test_a_lead_longer_than_the_lifetime_allowed_keeps_its_share() -> None:
    begins = ("2024-03-03", "2025-01-01", "2025-11-01", "2026-09-01")
    certificates = [served(day, 398, sha=f"c{n}") for n, day in enumerate(begins)]
    looks = [look(f"c{n}", at(day).isoformat()[:19]) for n, day in enumerate(begins)]
    looks += [look("c0", "2024-12-31"), look("c1", "2025-10-31"), look("c2", "2026-08-31")]
    frame = forecast_renewals(tables(looks, certificates), now=now("2026-09-02"), years=4)
    lead = 398 - 304
    assert frame["usual_lead_basis"].eq("seen").all()
    assert frame["usual_lead_days"].iloc[0] == pytest.approx(lead)
    under_47 = frame[frame["cap_days"] == 47].iloc[1:]
    assert under_47["is_lead_cut"].all()
    assert under_47["lead_days"].iloc[0] == pytest.approx(47 * lead / 398)
    assert (under_47["not_after"].diff().dropna() > pd.Timedelta(days=30)).all()


def with_lead(lead: float, *, lifetime: float = 398) -> Tables:
    """A slot that renewed three times with that lead, in steps that end before the cap of 2026."""
    begins = [at("2025-11-01") - n * timedelta(days=lifetime - lead) for n in (3, 2, 1, 0)]
    days = [begin.isoformat()[:19] for begin in begins]
    looks = [look(f"c{n}", day) for n, day in enumerate(days)]
    looks += [look(f"c{n}", (begin - timedelta(days=1)).isoformat()[:19]) for n, begin in enumerate(begins[1:])]
    return tables(looks, [served(day, lifetime, sha=f"c{n}") for n, day in enumerate(days)])


@pytest.mark.parametrize("leads", [(46, 48), (95, 99), (99, 101), (150, 198)])
def test_a_little_more_lead_never_changes_the_number_of_renewals_a_lot(leads: tuple[float, float]) -> None:
    counts = []
    for lead in leads:
        frame = forecast_renewals(with_lead(lead), now=now("2026-02-01"), years=5)
        assert frame["usual_lead_days"].iloc[0] == pytest.approx(lead)
        cut = frame[frame["is_lead_cut"]]
        previous = frame["lifetime_days"].shift()[cut.index]
        assert (cut["lead_days"] / previous).tolist() == pytest.approx([min(lead / 398, 1 / 3)] * len(cut))
        # A year of lifetimes, each shortened by the share that is left: no year has more.
        assert frame.groupby(frame["renews_at"].dt.year).size().max() <= 366 / (47 * (1 - min(lead / 398, 1 / 3))) + 1
        counts.append(frame.groupby(frame["renews_at"].dt.year).size().reindex(range(2026, 2031), fill_value=0))
    assert (counts[1] - counts[0]).between(-1, 3).all()


def test_a_third_stays_a_third_under_each_cap() -> None:
    frame = forecast_renewals(alone("2026-01-01", 398), now=now("2026-02-01"), years=5)
    assert frame["usual_lead_basis"].eq("assumed").all()
    replaced = [398.0, *frame["lifetime_days"][:-1]]
    assert frame["lead_days"].tolist() == pytest.approx([days / 3 for days in replaced])
    assert frame["is_lead_cut"].tolist() == [False] + [True] * (len(frame) - 1)
    assert frame["routine_ends_at"].eq(frame["renews_at"].iloc[0]).all()


def test_a_lead_from_longer_certificates_keeps_its_share() -> None:
    given = with_lead(120)
    (last,) = given.observations["leaf_sha256"].drop_duplicates().tail(1)
    short = given.certificates["cert_sha256"] == last
    begins = given.certificates.loc[short, "not_before"]
    shortened = given.certificates.copy()
    shortened.loc[short, "not_after"] = begins + timedelta(days=300) - timedelta(seconds=1)
    today = (begins.item() + timedelta(days=1)).to_pydatetime()
    frame = forecast_renewals(Tables.from_frames(given.observations, shortened), now=today, years=1)
    assert frame["usual_lead_days"].iloc[0] == pytest.approx(120)
    assert frame["lead_days"].iloc[0] == pytest.approx(300 * 120 / 398)
    assert not frame["is_lead_cut"].iloc[0]


def test_usual_leads_come_from_looks_that_were_close_enough() -> None:
    certificates = [
        served("2026-01-01", 90, sha="a"),
        served("2026-02-20", 90, sha="b"),
        served("2026-04-15", 90, sha="c"),
        served("2026-06-05", 90, sha="d"),
    ]
    close = [look("a", "2026-02-28"), look("b", "2026-03-02"), look("b", "2026-04-20"), look("c", "2026-04-22")]
    close += [look("c", "2026-06-08"), look("d", "2026-06-10")]
    usual = describe_usual_leads(tables(close, certificates), now=now("2026-06-11"))
    assert usual[["usual_lead_basis", "usual_lead_rotations"]].to_numpy().tolist() == [["seen", 3]]
    leads = [(at("2026-04-01") - at("2026-03-02")).days, (at("2026-05-21") - at("2026-04-22")).days, 34]
    assert usual["usual_lead_days"].tolist() == pytest.approx([sorted(leads)[1]])
    assert usual["usual_lead_spread_days"].tolist() == pytest.approx([max(leads) - min(leads)])
    assert usual["usual_spacing_days"].tolist() == pytest.approx([90 - sorted(leads)[1]])
    expiry = summarise_expiry(tables(close, certificates), now=now("2026-06-11"))
    assert expiry["usual_lead_days"].tolist() == [usual["usual_lead_days"].iloc[0]] * 4
    wide = [look("a", "2026-01-02"), look("b", "2026-03-02"), look("c", "2026-05-02"), look("d", "2026-06-30")]
    issued = describe_usual_leads(tables(wide, certificates), now=now("2026-07-01"))
    assert issued["usual_lead_basis"].unique().tolist() == ["issued"]
    assert issued["usual_lead_days"].iloc[0] == pytest.approx(39)


def test_overdue_is_counted_from_the_usual_routine_once_a_look_showed_that_it_was_not_kept() -> None:
    given = replaced_after(60, 60, 60)  # the last certificate begins on 30 June, and is due on 29 August
    late = replaced_after(60, 60, 60, last_look="2025-09-05")
    for tables_, today, overdue in ((given, "2025-08-15", 0), (given, "2025-09-08", None), (late, "2025-09-08", 10)):
        last = summarise_expiry(tables_, now=now(today)).iloc[-1]
        assert last["renew_by_at"] == at("2025-08-29")
        assert (None if pd.isna(last["overdue_days"]) else last["overdue_days"]) == overdue
        (is_overdue,) = forecast_renewals(tables_, now=now(today))["is_overdue"].iloc[:1]
        assert pd.isna(is_overdue) if overdue is None else is_overdue == (overdue > 0)


def test_a_gap_gives_no_usual_lead_and_allows_an_assumption() -> None:
    gap = [served("2020-01-01", 90, sha="a"), served("2026-01-01", 90, sha="b")]
    looks = [look("a", "2020-02-01"), look("b", "2026-01-02")]
    leads = describe_usual_leads(tables(looks, gap), now=now("2026-01-22"))
    assert leads["usual_lead_basis"].isna().all()
    assert leads["usual_lead_reason"].tolist() == [NOT_OBSERVED]
    frame = forecast_renewals(tables(looks, gap), now=now("2026-03-22"))
    assert frame["usual_lead_basis"].unique().tolist() == ["assumed"]
    assert frame["is_overdue"].isna().all()  # an assumption does not make a slot overdue


def replaced_after(*days: float, lifetime: float = 90, spacing: float = 1.0, last_look: str | None = None) -> Tables:
    """Certificates that replace each other after so many days of their life; a look a day before and after each."""
    begins = [at("2025-01-01")]
    for span in days:
        begins.append(begins[-1] + timedelta(days=span))
    starts = [begin.isoformat()[:19] for begin in begins]
    looks = [look(f"c{n}", start) for n, start in enumerate(starts)]
    looks += [look(f"c{n}", (begin - timedelta(days=spacing)).isoformat()[:19]) for n, begin in enumerate(begins[1:])]
    looks += [look(f"c{len(days)}", last_look)] if last_look else []
    return tables(looks, [served(start, lifetime, sha=f"c{n}") for n, start in enumerate(starts)])


@pytest.mark.parametrize(
    ("days", "renewals", "spacing"),
    [((60, 60, 60), 3, 60), ((7, 7, 7, 7), 4, 7), ((60, 20, 20), 3, 20), ((60, 60, 4, 60), 3, 60), ((60, 60), 2, None)],
)
def test_a_routine_needs_three_renewals_however_early_they_came(
    days: tuple[float, ...], renewals: int, spacing: float | None
) -> None:
    given = replaced_after(*days)
    today = (at("2025-01-01") + timedelta(days=sum(days) + 1)).to_pydatetime()
    (leads,) = describe_usual_leads(given, now=today).to_dict("records")
    forecast = forecast_renewals(given, now=today)
    if spacing is None:
        assert pd.isna(leads["usual_lead_days"])
        assert leads["usual_lead_reason"] == f"only {renewals} of 3 renewals that are needed were fully observed"
        assert summarise_expiry(given, now=today)[["renew_by_at", "overdue_days"]].isna().all(axis=None)
        assert forecast["usual_lead_basis"].eq("assumed").all()
        assert forecast[["earliest_80_at", "latest_95_at"]].isna().all(axis=None)
    else:
        assert (leads["usual_lead_rotations"], leads["usual_spacing_days"]) == (renewals, spacing)
        assert forecast["renews_at"].diff().dropna().eq(timedelta(days=spacing)).all()
        first = forecast.iloc[0]
        ends = [first[f"{name}_at"] for name in ("earliest_95", "earliest_80", "latest_80", "latest_95")]
        assert ends == sorted(ends)
        assert ends[0] < first["expected_at"] < ends[3]


def test_a_parallel_certificate_and_a_reissue_are_not_renewals() -> None:
    """`p` is shown while `c1` goes on; `r` replaces `c2` and ends with it."""
    given = replaced_after(60, 60, 60)
    more = tables(
        [look("p", "2025-03-20"), look("c1", "2025-03-21"), look("r", "2025-05-11"), look("r", "2025-06-29")],
        [served("2025-03-10", 90, sha="p"), served("2025-05-10", 81, sha="r")],
    )
    (leads,) = describe_usual_leads(Tables.concat([given, more]), now=now("2025-07-01")).to_dict("records")
    assert leads["usual_lead_rotations"] == 3
    assert leads["usual_spacing_days"] == 60
    assert leads["usual_spacing_spread_days"] == 0


def test_a_weekly_replacement_is_never_overdue() -> None:
    given = replaced_after(*[7] * 20, 50, *[7] * 5, lifetime=84)
    for day in (1, 60, 140, 181, 190, 220, 279):
        today = (at("2025-01-01") + timedelta(days=day)).to_pydatetime()
        assert not (summarise_expiry(given, now=today)["overdue_days"] > 0).any()
        assert not forecast_renewals(given, now=today)["is_overdue"].fillna(value=False).any()


def test_dates_alone_do_not_make_a_slot_overdue() -> None:
    given = replaced_after(60, 60, 60, spacing=30)  # looks too far apart to have seen the rotations
    leads, frame = (ask(given, now=now("2025-09-20")) for ask in (describe_usual_leads, summarise_expiry))
    assert leads["usual_lead_basis"].unique().tolist() == ["issued"]
    assert frame["renew_by_at"].iloc[-1] < at("2025-09-20")
    assert frame["overdue_days"].isna().all()
    assert forecast_renewals(given, now=now("2025-09-20"))["is_overdue"].isna().all()


def test_a_slot_whose_last_certificate_lapsed_has_no_forecast() -> None:
    assert forecast_renewals(alone("2020-01-01", 90), now=now("2026-01-01")).empty


def issued_by_lets_encrypt(begins: str, **facts: object) -> pd.DataFrame:
    given = served(begins, 90) | {"issuer": "CN=E8,O=Let's Encrypt,C=US"} | facts
    return forecast_renewals(tables([look("a", begins)], [given]), now=now(begins), years=3)


def test_lets_encrypt_binds_before_sc_081() -> None:
    frame = issued_by_lets_encrypt("2026-12-01")
    lifetimes = frame.groupby(frame["cap_days"])["lifetime_days"].unique().map(list).to_dict()
    assert lifetimes == {200: [90], 64: [64], 45: [45]}
    first = frame.groupby("cap_days")["renews_at"].min()
    assert at("2027-02-10") <= first[64] < first[45]
    assert at("2028-02-16") <= first[45]
    assert frame["routine_ends_at"].iloc[0] == first[64]


def test_the_profile_tlsserver_of_lets_encrypt_was_shortened_first() -> None:
    before = issued_by_lets_encrypt("2026-04-01", subject="")
    assert before["cap_days"].tolist() == [45] * len(before), "the first renewal is on 2026-05-31"
    too_long = issued_by_lets_encrypt("2026-06-01", subject="")
    assert too_long["cap_days"].iloc[0] == 200, "after 2026-05-13 the profile does not give 90 days"


def test_no_interval_goes_back_before_that_of_the_renewal_before() -> None:
    """At akamai's the certificate of 2025 was still in service, so that its first renewal comes later than usual."""
    kept = load_example("web-series").within(services="https://akamai.com:443")
    rows = forecast_renewals(kept, now="2026-07-01T00:00Z")
    assert len(rows) > 1
    for name in (column.name for column in RENEWALS if column.name.endswith(("_80_at", "_95_at"))):
        assert rows[name].dropna().is_monotonic_increasing, name


def test_a_successor_that_exists_unseen_is_in_the_interval_unless_dated_looks_rule_it_out() -> None:
    """cloudflare.com's certificate of 2025-01-28 was first seen on 2025-03-04, later than any before it."""
    web = load_example("web-series").within(services="https://cloudflare.com:443")
    day, issued = now("2025-03-01"), now("2025-01-28T23:34:55")
    undated = forecast_renewals(known_on(web, day), now=day, years=1).iloc[0]
    assert undated["earliest_95_at"] < issued < undated["latest_95_at"]
    assert undated["earliest_80_at"] < issued
    lab = load_example("lab-sample").within(services="https://www.lab.test:443")
    last = lab.observations["observed_at"].max()
    dated = forecast_renewals(lab, now=last, years=1).iloc[0]
    assert dated["earliest_95_at"] >= last.floor("s")


def test_an_interval_ends_with_the_certificate_that_is_replaced() -> None:
    """docs.python.org went from 90 to 398 days: by its short past alone, it might renew in 2033."""
    web = load_example("web-series").within(services="https://docs.python.org:443")
    first, *_ = forecast_renewals(web, now="2025-05-01T00:00Z", years=1).to_dict("records")
    ends = web.certificates.set_index("cert_sha256")["not_after"][first["leaf_sha256"]] + timedelta(seconds=1)
    assert (first["latest_80_at"], first["latest_95_at"]) == (ends, ends)
    rows = forecast_renewals(replaced_after(20, 60, 85), now=now("2025-06-20"), years=1)
    limits = at("2025-06-15") + timedelta(days=90) * np.arange(1, len(rows) + 1)
    assert rows["latest_95_at"].iloc[0] == limits[0]
    assert (rows["latest_95_at"] <= limits).all()


@pytest.mark.parametrize(
    ("ages", "last_look", "today", "is_overdue"),
    [
        ((20, 60, 95), "2025-06-25", "2025-06-26", False),  # it was replaced five days after its end
        ((60, 60, 61), "2025-09-26", "2025-09-26", True),
        ((20, 60, 85), "2025-09-14", "2025-09-15", False),  # it has expired
        ((20, 60, 85), "2025-09-12T20:00:00", "2025-09-12T20:00:00", False),  # it is not expected to renew in 4 hours
    ],
)
def test_an_interval_goes_on_where_the_slot_may_let_its_certificate_expire(
    ages: tuple[float, ...], last_look: str, today: str, *, is_overdue: bool
) -> None:
    given = replaced_after(*ages, last_look=last_look)
    first = forecast_renewals(given, now=now(today), years=1).iloc[0]
    ends = at("2025-01-01") + timedelta(days=sum(ages) + 90)
    assert first["latest_95_at"] > ends
    assert first["is_overdue"] == is_overdue


def test_odd_lifetimes_stay_bounded() -> None:
    assert len(forecast_renewals(alone("2026-01-01", 1 / 1440), now=now("2026-01-01"), years=30)) == 10_000
    endless = tables([look("a", "2026-01-01")], [certificate("a", "2026-01-01", "9999-12-31T23:59:59")])
    assert forecast_renewals(endless, now=now("2026-01-02")).empty
    backwards = tables([look("a", "2026-01-01")], [certificate("a", "2026-01-01", "2025-01-01")])
    assert forecast_renewals(backwards, now=now("2024-01-02")).empty


def test_the_end_of_the_calendar_is_an_error_or_the_end_of_a_lifetime() -> None:
    for today, years in ((now("9999-12-30"), 1), (now("9980-01-01"), 30)):
        with pytest.raises(UsageError, match=r"years=.*at the latest"):
            forecast_renewals(Tables.from_frames(), now=today, years=years)
    eternal = tables([look("a", "2010-01-01")], [certificate("a", "0100-01-01", "2010-01-02")])
    frame = forecast_renewals(eternal, now=now("2010-01-01"), years=1)
    assert (frame["not_after"] <= at("9999-12-31T23:59:59")).all()
    endless = with_lead(30)
    assert not forecast_renewals(endless, now=now("9960-01-01"), years=30).size


def test_a_whole_number_of_numpy_counts_years_too() -> None:
    given = alone("2026-01-01", 90)
    pd.testing.assert_frame_equal(
        forecast_renewals(given, now=now("2026-01-02"), years=np.int64(2)),  # type: ignore[arg-type]  # a caller's
        forecast_renewals(given, now=now("2026-01-02"), years=2),
    )


@pytest.mark.parametrize("years", [0, 31, 1.5, "3", True, np.True_])
def test_years_out_of_range_are_an_error(years: object) -> None:
    with pytest.raises(UsageError, match="years="):
        forecast_renewals(Tables.from_frames(), now=now("2026-01-01"), years=years)  # type: ignore[arg-type]  # it is
    with pytest.raises(UsageError, match="no zone"):
        forecast_renewals(Tables.from_frames(), now=datetime(2026, 1, 1))  # noqa: DTZ001  # what is tested


def test_nothing_gives_an_empty_frame() -> None:
    frame = forecast_renewals(Tables.from_frames(), now=now("2026-01-01"))
    assert frame.empty
    assert frame.dtypes.astype(str).to_dict() == dtypes(RENEWALS)
