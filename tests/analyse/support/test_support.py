"""What a server accepts, by version and cipher: 2015's smtp.gmail.com as recorded, and rules on rows by hand."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from tests.analyse.made import at, look, now, tables
from toolkit import Tables
from toolkit.analyse.support.summary import summarise_support
from toolkit.errors import UsageError
from toolkit.reference import find_suite

TODAY = now("2026-04-01")
VERSIONS = {"SSLv2": "SSL 2.0", "SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2"}


def answer(protocol: str | None, suite: str | None, state: str, **facts: object) -> dict[str, object]:
    row: dict[str, object] = {
        "observed_at": at("2026-01-01"), "round": "r1", "service": "smtp://mx.example:25", "address": "192.0.2.1",
        "protocol": protocol, "suite": suite, "state": state,
    }  # fmt: skip
    return row | facts


def surveyed(*rows: dict[str, object]) -> Tables:
    return Tables.from_frames(support=pd.DataFrame(list(rows)))


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Tables:
    """The answers of smtp.gmail.com:587 as published on 2015-11-25, names translated."""
    rows = []
    with (shared / "recorded/google_mail/support.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["host"] == "smtp.gmail.com":
                suite = find_suite(row["cipher"]) if row["protocol"] != "SSLv2" else None
                rows.append(
                    answer(VERSIONS[row["protocol"]], suite.name if suite else row["cipher"],
                           "accepted" if row["accepted"] == "True" else "refused",
                           observed_at=at(row["observed_on"]), service="smtp://smtp.gmail.com:587",
                           rank=1 if row["preferred"] == "True" else None)
                )  # fmt: skip
    return surveyed(*rows)


def test_the_matrix_of_2015_is_as_the_help_page_says(recorded: Tables) -> None:
    frame = summarise_support(recorded, now=TODAY)
    accepted = frame[frame["state"] == "accepted"]
    cells = {(p, c, k, s) for p, c, k, s in accepted[["protocol", "cipher", "key_bits", "strength_bits"]].to_numpy()}
    ciphers = {("3DES", 168, 112), ("RC4", 128, 128), ("AES", 128, 128), ("AES", 256, 256)}
    assert cells == {
        (version, *cipher) for version in ("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2") for cipher in ciphers
    }
    first = frame[frame["first_choice"].notna()].set_index("protocol")["first_choice"].to_dict()
    assert first == {
        "SSL 3.0": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.0": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.1": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS 1.2": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    }
    assert accepted.groupby("protocol")["accepted"].sum().tolist() == [8, 8, 8, 10]


def test_versions_of_2015(recorded: Tables) -> None:
    frame = summarise_support(recorded, now=TODAY, by="protocol").set_index("protocol")
    assert frame["state"].to_dict() == {"SSL 2.0": "refused"} | dict.fromkeys(list(VERSIONS.values())[1:], "accepted")
    assert frame.loc["TLS 1.2", "is_aead"]
    assert not frame.loc["TLS 1.1", "is_aead"]
    assert pd.isna(frame.loc["SSL 2.0", "is_aead"])


RC4, AES = "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"
GCM, AES256 = "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA"


def test_untested_is_a_state_of_its_own() -> None:
    frame = summarise_support(
        surveyed(
            answer("TLS 1.2", AES, "accepted", rank=2), answer("TLS 1.2", GCM, "accepted", rank=1),
            answer("TLS 1.2", RC4, "refused"), answer("TLS 1.2", "TLS_RSA_WITH_RC4_128_MD5", "untested"),
            answer("TLS 1.2", AES256, "refused"),
        ),
        now=TODAY,
    ).set_index(["cipher", "key_bits"])  # fmt: skip
    assert frame["state"].to_dict() == {("AES", 128): "accepted", ("AES", 256): "refused", ("RC4", 128): "untested"}
    row = frame.loc[("AES", 128)]
    assert row["suites"] == (GCM, AES)
    assert row["first_choice"] == GCM
    assert (row["accepted"], row["refused"], row["untested"]) == (2, 0, 0)
    assert frame.loc[("RC4", 128), ["accepted", "refused", "untested"]].tolist() == [0, 1, 1]
    assert frame["age_days"].eq(90).all()


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["refused", "refused"], "refused"), (["refused", "untested"], "untested"),
        (["refused", "accepted"], "accepted"), (["untested", "untested"], "untested"),
    ],
)  # fmt: skip
def test_addresses_are_taken_together(states: list[str], expected: str) -> None:
    rows = [answer("TLS 1.2", AES, state, address=f"192.0.2.{n}") for n, state in enumerate(states)]
    assert summarise_support(surveyed(*rows), now=TODAY)["state"].tolist() == [expected]


def test_only_the_last_round_is_the_latest_and_nothing_after_now_counts() -> None:
    given = surveyed(
        answer("TLS 1.2", RC4, "accepted"),
        answer("TLS 1.2", RC4, "refused", round="r2", observed_at=at("2026-02-01")),
        answer("TLS 1.2", RC4, "accepted", round="r3", observed_at=at("2026-05-01")),
    )
    frame = summarise_support(given, now=TODAY)
    assert frame["state"].tolist() == ["accepted", "refused"]
    assert frame["is_latest"].tolist() == [False, True]


def test_a_handshake_shows_one_acceptance_and_nothing_else() -> None:
    looks = [
        look("a", "2026-01-01", protocol="TLS 1.3", suite="TLS_AES_256_GCM_SHA384", suite_code=0x1302, group="x25519"),
        look(None, "2026-01-02"),
        look("a", "2026-01-03", protocol="TLS 1.3", suite="TLS_AES_256_GCM_SHA384", offer="survey"),
    ]
    frame = summarise_support(tables(looks, []), now=TODAY)
    assert frame[["basis", "protocol", "cipher", "state", "looks", "source"]].to_numpy().tolist() == [
        ["negotiated", "TLS 1.3", "AES", "accepted", 1, "live"]
    ]


def test_a_recorded_series_is_split_by_day() -> None:
    seen = [("2007-08-10", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"), ("2012-02-13", RC4), (None, RC4)]
    looks = [
        look(None, when, protocol="TLS 1.0", suite=suite, round="series", sample=n, outcome="ok")
        for n, (when, suite) in enumerate(seen)
    ]
    frame = summarise_support(tables(looks, []), now=TODAY)
    assert frame["cipher"].tolist() == ["3DES", "RC4", "RC4"]
    assert frame["observed_at"].isna().tolist() == [False, False, True]
    assert frame["is_latest"].tolist() == [False, True, False]


def test_a_survey_known_by_bounds_is_not_undated() -> None:
    bounds = {"observed_at": None, "observed_from": at("2015-10-13"), "observed_until": at("2015-11-26")}
    bounded = [answer("TLS 1.2", suite, "accepted", round="2015", **bounds) for suite in (RC4, AES)]
    older = answer("TLS 1.2", RC4, "refused", round="older", observed_at=at("2015-06-01"))
    undated = answer("TLS 1.2", RC4, "refused", round="undated", observed_at=None)
    frame = summarise_support(surveyed(*bounded, older, undated), now=now("2016-01-05")).set_index(["round", "cipher"])
    assert frame["is_latest"].to_dict() == {
        ("older", "RC4"): False, ("2015", "AES"): True, ("2015", "RC4"): True, ("undated", "RC4"): False,
    }  # fmt: skip
    assert list(frame.index) == [("older", "RC4"), ("2015", "AES"), ("2015", "RC4"), ("undated", "RC4")]
    row = frame.loc[("2015", "RC4")]
    assert pd.isna(row["observed_at"])
    assert (row["observed_from"], row["observed_until"]) == (at("2015-10-13"), at("2015-11-26"))
    assert row["age_days"] == 40
    assert frame.loc[("older", "RC4"), ["observed_from", "observed_until"]].eq(at("2015-06-01")).all()
    assert frame.loc[("undated", "RC4"), ["observed_from", "observed_until", "age_days"]].isna().all()


def test_bounds_after_now_do_not_count_and_those_around_it_do() -> None:
    rows = [
        answer("TLS 1.2", RC4, "accepted", round=str(n), observed_at=None, observed_from=at(begins))
        for n, begins in enumerate(("2026-03-01", "2026-04-02"))
    ]
    assert summarise_support(surveyed(*rows), now=TODAY)["round"].tolist() == ["0"]


def test_a_recorded_series_is_split_by_bounds_too() -> None:
    bounds = [("2012-01-01", "2012-12-31"), ("2014-01-01", "2014-12-31"), (None, "2014-12-31"), (None, None)]
    looks = [
        look(None, None, protocol="TLS 1.0", suite=RC4, round="series", sample=n, outcome="ok",
             observed_from=begins and at(begins), observed_until=ends and at(ends))
        for n, (begins, ends) in enumerate([*bounds, bounds[0]])
    ]  # fmt: skip
    looks += [
        look(None, when, protocol="TLS 1.0", suite=RC4, round="series", sample=9, outcome="ok", service=None)
        for when in ("2010-01-01", "2015-01-01")
    ]
    frame = summarise_support(tables(looks, []), now=TODAY)
    ours = frame[frame["service"].notna()]
    assert ours["looks"].tolist() == [2, 1, 1, 1]
    assert ours["observed_until"].dt.year.fillna(0).tolist() == [2012, 2014, 2014, 0]


def test_an_unknown_suite_has_no_cipher() -> None:
    frame = summarise_support(
        surveyed(answer("TLS 1.2", "TLS_FROM_THE_FUTURE", "accepted", suite_code=0xFEED)), now=TODAY
    )
    assert frame["cipher"].isna().all()
    assert frame["state"].tolist() == ["accepted"]


def test_groups_say_what_is_post_quantum() -> None:
    given = surveyed(
        answer("TLS 1.3", None, "accepted", group="X25519MLKEM768", rank=1),
        answer("TLS 1.3", None, "accepted", group="x25519", rank=2),
        answer("TLS 1.3", None, "untested", group="unheard_of"),
    )
    frame = summarise_support(given, now=TODAY, by="group").set_index("group")
    assert frame["is_post_quantum"].dropna().to_dict() == {"X25519MLKEM768": True, "x25519": False}
    assert frame.loc["X25519MLKEM768", "first_choice"] == "X25519MLKEM768"
    assert frame.loc["unheard_of", "state"] == "untested"
    assert summarise_support(given, now=TODAY).empty


def test_a_version_asked_without_a_suite_counts_for_the_version() -> None:
    given = surveyed(answer("SSL 2.0", None, "refused"))
    assert summarise_support(given, now=TODAY).empty
    assert summarise_support(given, now=TODAY, by="protocol")["state"].tolist() == ["refused"]


def test_the_source_of_a_survey_is_found_in_its_round_or_its_looks() -> None:
    start = {"round": "r1", "phase": "start", "written_at": at("2026-01-01"), "source": "lab", "services": ()}
    rounds = pd.DataFrame([start])
    given = Tables.from_frames(support=pd.DataFrame([answer("TLS 1.2", AES, "accepted")]), rounds=rounds)
    assert summarise_support(given, now=TODAY)["source"].tolist() == ["lab"]
    assert summarise_support(surveyed(answer("TLS 1.2", AES, "accepted")), now=TODAY)["source"].isna().all()


@pytest.mark.parametrize("by", ["cipher", "protocol", "group", "signature_scheme"])
def test_nothing_gives_an_empty_frame(by: str) -> None:
    assert summarise_support(Tables.from_frames(), now=TODAY, by=by).empty  # type: ignore[arg-type]  # a str


def test_bad_questions_are_errors() -> None:
    with pytest.raises(UsageError, match="by='suite'"):
        summarise_support(Tables.from_frames(), now=TODAY, by="suite")  # type: ignore[arg-type]  # it is the point
    with pytest.raises(UsageError, match="no zone"):
        summarise_support(Tables.from_frames(), now=TODAY.replace(tzinfo=None))
