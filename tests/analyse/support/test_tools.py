"""What scanners printed about one server, side by side: who is right is known from its configuration."""

import runpy
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.conftest import ROOT
from toolkit import Tables, compare_tools
from toolkit.analyse.support.tools import QUESTION
from toolkit.errors import UsageError
from toolkit.lab import Lab

FOLDER = ROOT / "data" / "tools-sample"
OLD = ("SSL 3.0", "TLS 1.0", "TLS 1.1")
"""What the server accepts: its configuration, checked by s_client."""


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    return compare_tools(toolkit.load_example("tools-sample"))


def versions(compared: pd.DataFrame, tool: str) -> dict[str, str]:
    rows = compared[(compared["tool"] == tool) & compared[list(QUESTION[2:])].isna().all(axis=1)]
    return dict(zip(rows["protocol"], rows["state"], strict=True))


def test_made_again_it_is_the_same(shared: Path, tmp_path: Path) -> None:
    record = shared / "recorded" / "others" / "scanners"
    runpy.run_path(str(ROOT / "data" / "make_tools_sample.py"))["make"](record).to_csv(tmp_path)
    assert (tmp_path / "support.csv").read_bytes() == (FOLDER / "support.csv").read_bytes()


def test_nmap_sslyze_and_the_old_testssl_are_right(compared: pd.DataFrame) -> None:
    for tool in ("nmap 7.80", "sslyze 5.2.0", "testssl.sh 2.9.5"):
        said = versions(compared, tool)
        assert {protocol for protocol, state in said.items() if state == "accepted"} == set(OLD)
        suites = compared[(compared["tool"] == tool) & compared["suite"].notna() & (compared["state"] == "accepted")]
        assert suites.groupby("protocol").size().to_dict() == dict.fromkeys(OLD, 4)


def test_the_new_testssl_accepts_tls_1_2_without_a_suite(compared: pd.DataFrame) -> None:
    rows = compared[(compared["tool"] == "testssl.sh 3.2.3") & compared["suite"].isna()].set_index("protocol")
    assert rows["state"]["TLS 1.2"] == "accepted"
    assert not rows["is_backed"]["TLS 1.2"]
    assert rows["is_backed"][list(OLD)].all()
    of_1_2 = compared[compared["suite"].isna() & (compared["protocol"] == "TLS 1.2")]
    assert set(of_1_2["agreement"]) == {"disputed"}
    assert set(of_1_2.loc[of_1_2["state"] == "refused", "tool"]) == {
        "nmap 7.80",
        "sslyze 5.2.0",
        "sslscan 2.1.5",
        "testssl.sh 2.9.5",
    }


def test_sslscan_sees_ssl_3_and_could_not_ask_for_its_suites(compared: pd.DataFrame) -> None:
    rows = compared[(compared["tool"] == "sslscan 2.1.5") & (compared["protocol"] == "SSL 3.0")]
    version, suites = rows[rows["suite"].isna()], rows[rows["suite"].notna()]
    assert (version["state"].item(), bool(version["is_backed"].item())) == ("accepted", False)
    assert (suites["state"] == "untested").all()
    assert not suites["is_answered"].any()
    assert set(suites["agreement"]) == {"agreed"}


def test_cryptolyzer_finds_no_version_which_is_not_a_refusal(compared: pd.DataFrame) -> None:
    assert set(versions(compared, "cryptolyzer 1.6.1").values()) == {"untested"}
    assert set(compared.loc[compared["suite"].isna(), "tool"].unique()) == set(compared["tool"].unique())


def answers(*rows: dict[str, object]) -> Tables:
    given = [
        {"round": str(number), "protocol": "TLS 1.2", "state": "accepted", **row} for number, row in enumerate(rows)
    ]
    return Tables.from_frames(support=pd.DataFrame(given))


def at(month: int) -> pd.Timestamp:
    return pd.Timestamp(year=2026, month=month, day=1, tz="UTC")


def test_a_tool_has_its_last_answer_and_untested_is_none() -> None:
    tables = answers(
        {"service": "tls://a.test:443", "tool": "x", "state": "refused", "observed_at": at(1)},
        {"service": "tls://a.test:443", "tool": "x", "observed_at": at(2)},
        {"service": "tls://a.test:443", "tool": "x", "state": "untested", "observed_at": at(3)},
        {"service": "tls://192.0.2.1:443", "tool": "y", "suite": "TLS_AES_128_GCM_SHA256", "suite_code": 4865},
    )  # fmt: skip
    apart = compare_tools(tables)
    assert apart["agreement"].tolist() == ["single", "single"]
    joined = compare_tools(tables, aliases={"tls://192.0.2.1:443": "tls://a.test:443"})
    assert joined[["suite", "tool", "state"]].astype(object).fillna("").values.tolist() == [
        ["", "x", "accepted"], ["", "y", "untested"],
        ["TLS_AES_128_GCM_SHA256", "x", "untested"], ["TLS_AES_128_GCM_SHA256", "y", "accepted"],
    ]  # fmt: skip
    assert joined["reason"].tolist()[1] == "the report of this tool does not mention it"
    with pytest.raises(UsageError, match="these tables have none"):
        compare_tools(Tables.from_frames())


def test_answers_of_which_none_is_known_to_be_the_last_are_kept(shared: Path) -> None:
    """Flat JSON of testssl.sh says neither version nor instant: its two versions are one tool, and contradict."""
    names = (
        "testssl/lab-2.9.5-museum.json",
        "testssl/lab-3.2.3-museum.json",
        "sslscan/lab-2.1.5-museum.lab.example.xml",
    )
    read = [toolkit.read(shared / "recorded" / "others" / "scanners" / name) for name in names]
    aliases = {service: "tls://museum.lab.example:4435" for one in read for service in one.support["service"]}
    compared = compare_tools(Tables.concat(read), aliases=aliases)
    assert_frame_equal(compare_tools(Tables.concat(read[::-1]), aliases=aliases), compared)
    rows = compared[compared["suite"].isna() & (compared["protocol"] == "TLS 1.2")]
    assert rows[["tool", "state", "agreement"]].values.tolist() == [
        ["sslscan 2.1.5", "refused", "disputed"],
        ["testssl.sh", "accepted", "disputed"],
        ["testssl.sh", "refused", "disputed"],
    ]


@pytest.mark.parametrize(
    ("instants", "states"),
    [
        ((1, 2), ["refused"]), ((2, 1), ["accepted"]), ((1, 1), ["accepted", "refused"]),
        ((None, 1), ["accepted", "refused"]), ((1, None), ["accepted", "refused"]),
    ],
)  # fmt: skip
def test_only_a_known_order_lets_an_answer_replace_another(instants: tuple[int | None, ...], states: list[str]) -> None:
    service = {"service": "tls://a.test:443", "tool": "x"}
    dated = [{"observed_at": at(month)} if month else {} for month in instants]
    rows = [{**service, **dated[0]}, {**service, **dated[1], "state": "refused"}]
    for order in (rows, rows[::-1]):
        compared = compare_tools(answers(*order))
        assert compared["state"].tolist() == states
        assert compared["agreement"].tolist() == (["single"] if len(states) == 1 else ["disputed"] * 2)


def test_disputed_questions_are_decided_by_our_own_handshakes() -> None:
    with Lab("steady", seed=3) as lab:
        target = lab.targets[0]
        tables = answers(
            {"service": target.service, "tool": "x"},
            {"service": target.service, "tool": "y", "state": "refused"},
            {"service": target.service, "tool": "x", "protocol": "TLS 1.3"},
            {"service": target.service, "tool": "y", "protocol": "TLS 1.3"},
        )
        found = toolkit.settle(tables, targets=lab.targets, rate=None, progress=False)
        direct = toolkit.survey(target, parts=["suites"], rate=None, progress=False).support
    same = direct[(direct["protocol"] == "TLS 1.2") & direct[list(QUESTION[2:])].isna().all(axis=1)]
    assert found.support["state"].tolist() == same["state"].tolist()
    assert set(found.support["protocol"]) == {"TLS 1.2"}
    assert "untested" not in set(same["state"])
    judged = compare_tools(Tables.concat([tables, found]))
    assert judged["tool"].str.startswith("tls-toolkit").any()


def test_where_nothing_is_disputed_nothing_is_asked() -> None:
    tables = answers({"service": "tls://a.test:443", "tool": "x"}, {"service": "tls://a.test:443", "tool": "y"})
    assert toolkit.settle(tables).observations.empty
    disputed = answers(
        {"service": "tls://a.test:443", "tool": "x"}, {"service": "tls://a.test:443", "tool": "y", "state": "refused"}
    )
    with pytest.raises(UsageError, match="None of the targets has a disputed question"):
        toolkit.settle(disputed, targets="tls://b.test:443")
