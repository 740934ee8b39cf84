"""The headers of Google's mail servers: as many as the record has, what they show, and nothing of the mails."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.chart import plot_negotiated
from toolkit.errors import UsageError

FOLDER = ROOT / "data" / "google-headers"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toolkit.load_example("google-headers")


@pytest.fixture(scope="module")
def archive(tables: Tables) -> Tables:
    looks = tables.observations
    return Tables.from_frames(looks[looks["round"] == "google-headers"])


def test_made_again_it_is_the_same(shared: Path, tables: Tables, tmp_path: Path) -> None:
    record = shared / "recorded" / "others" / "mail_headers"
    made = runpy.run_path(str(ROOT / "data" / "make_google_headers.py"))
    assert_frame_equal(made["make"](record).observations, tables.observations)
    made["write_monthly"](record, tmp_path / "monthly.csv")
    assert (tmp_path / "monthly.csv").read_bytes() == (FOLDER / "monthly.csv").read_bytes()


def test_how_much_there_is_and_how_small(tables: Tables, archive: Tables) -> None:
    assert len(archive.observations) == 28_305
    assert len(tables.observations) == 28_384
    assert set(archive.observations["host"]) == {"gmr-mx.google.com", "smtp.gmail.com", "smtp.googlemail.com"}
    assert archive.observations["observed_at"].min() == pd.Timestamp("2019-04-29T04:16:38Z")
    assert f"{archive.observations['observed_at'].max():%Y-%m}" == "2026-03"
    assert pd.read_csv(FOLDER / "monthly.csv")["headers"].sum() == 82_995
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_000_000


def test_no_address_and_no_message_id_is_in_it(tables: Tables) -> None:
    words = (FOLDER / "monthly.csv").read_text(encoding="utf-8")
    looks = tables.observations
    words += "\n".join(
        looks[["host", "reason", "tool", "round"]].drop_duplicates().astype(object).fillna("").agg(" ".join, axis=1)
    )
    assert "@" not in words
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", words)
    assert looks[["address", "server_name", "vantage"]].isna().all(axis=None)
    places = {source.partition(" ")[0] for source in looks["source"]}
    assert places == {"public", "linux-mailinglist-archives"}


def test_smtp_gmail_com_changed_from_rsa_to_ecdsa_in_ten_hours(archive: Tables) -> None:
    looks = archive.observations.query("host == 'smtp.gmail.com'")
    key = looks["suite"].str.extract("_(RSA|ECDSA)_")[0]
    before = looks["observed_at"] < pd.Timestamp("2020-04-09T00:00Z")
    assert looks.loc[before & (key == "RSA"), "observed_at"].max() == pd.Timestamp("2020-04-08T10:47:10Z")
    assert looks.loc[key == "ECDSA", "observed_at"].min() == pd.Timestamp("2020-04-08T20:59:57Z")


def test_the_last_3des_is_a_single_header(tables: Tables) -> None:
    (row,) = toolkit.summarise_negotiated(tables, by="bits").query("value == '112/168'").to_dict("records")
    assert (row["month_from_at"], row["handshakes"]) == (pd.Timestamp("2021-02-01T00:00Z"), 1)


def test_shares_of_a_month_add_up_and_tls_1_3_grows(archive: Tables) -> None:
    for by in ("protocol", "suite", "bits", "signature"):
        found = toolkit.summarise_negotiated(archive, by=by)  # type: ignore[arg-type]
        assert found.groupby("month_from_at")["share"].sum().round(9).eq(1).all()
        assert (
            found.groupby("month_from_at")["handshakes"].sum() == found.groupby("month_from_at")["known"].first()
        ).all()
    of_2019, of_2025 = (
        toolkit.summarise_negotiated(archive.within(since=f"{year}-05-01T00:00Z", until=f"{year + 1}-01-01T00:00Z"))
        .groupby("value")["handshakes"].sum().pipe(lambda counts: counts["TLS 1.3"] / counts.sum())
        for year in (2019, 2025)
    )  # fmt: skip
    assert of_2019 < 0.75
    assert of_2025 > 0.85
    with pytest.raises(UsageError, match="Did you mean 'suite'"):
        toolkit.summarise_negotiated(archive, by="suit")  # type: ignore[arg-type]


def test_the_chart_stacks_shares_to_the_top_and_leaves_empty_months_blank(tables: Tables) -> None:
    lines = toolkit.summarise_negotiated(tables.within(until="2008-04-01T00:00Z"), by="suite")
    axes = plot_negotiated(lines)
    many = toolkit.summarise_negotiated(tables, by="suite")
    heights = {round(bar.get_y() + bar.get_height(), 6) for bar in axes.patches if bar.get_height()}
    assert heights == {1.0}
    assert "months without one are blank" in "".join(text.get_text() for text in axes.texts)
    all_suites = plot_negotiated(many)
    looks = {(bar.get_facecolor(), bar.get_hatch()) for bar in all_suites.patches}
    assert len(looks) == 9, "each value can be distinguished"
    labels = [text.get_text() for text in all_suites.get_legend().get_texts()]
    assert len(labels) == 9
    assert labels[-1] == "others"
    assert labels[0] == "RSA_WITH_RC4_128_MD5 (prohibited)"
    assert plot_negotiated(lines.head(0)).get_title("left") == "Negotiated by month"
    with pytest.raises(UsageError, match=r"call toolkit\.summarise_negotiated"):
        plot_negotiated(tables.observations)
