"""The public call and the command, over loopback: what the tables say; a bad call is refused before any look."""

import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.collection.surveys.serving import accidents, answering, serving
from tests.conftest import not_on_windows, unused_client
from toolkit import schema
from toolkit.cli import main
from toolkit.cli.codes import NOTHING_REACHED
from toolkit.collection.clusters.runner import ClusterRunner
from toolkit.collection.surveys.offers import asked_groups
from toolkit.errors import InterruptWarning, UsageError
from toolkit.targets import Target, parse_target

SETTINGS = {"rate": None, "pause_seconds": 0, "progress": False}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A server of the standard library: TLS 1.2 and 1.3, RSA, its own order."""
    with serving("ECDHE+AESGCM:AES256-SHA", ssl.TLSVersion.TLSv1_2) as port:
        yield parse_target("https://mail.example", connect_to=f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def surveyed(target: Target) -> toolkit.Tables:
    return toolkit.survey(target, vantage="here", **SETTINGS)


def test_every_handshake_is_a_row(surveyed: toolkit.Tables) -> None:
    end = surveyed.rounds.iloc[-1]
    assert (end["phase"], end["end_reason"], end["vantage"]) == ("end", "finished", "here")
    assert end["connections"] == end["looks"] == len(surveyed.observations)
    assert end["connections"] == end["connections_bound"]
    assert set(surveyed.observations["offer"]) == {"survey"}
    assert sorted(surveyed.observations["sample"]) == list(range(len(surveyed.observations)))
    assert json.loads(end["settings"])["budget"] == 500


def test_each_question_is_a_row(surveyed: toolkit.Tables) -> None:
    support = surveyed.support
    assert set(support["service"]) == {"https://mail.example:443"}
    assert set(support["address"]) == {"127.0.0.1"}
    assert support["observed_at"].notna().all()
    assert set(support["date_basis"]) == {"observed"}
    assert support[["observed_from", "observed_until"]].isna().all(axis=None)
    versions = support[support[["suite", "group", "signature_scheme", "key_type"]].isna().all(axis=1)]
    assert dict(zip(versions["protocol"], versions["state"], strict=True)) == {
        "SSL 2.0": "refused", "SSL 3.0": "refused", "TLS 1.0": "refused", "TLS 1.1": "refused",
        "TLS 1.2": "accepted", "TLS 1.3": "accepted",
    }  # fmt: skip
    ranked = support[(support["protocol"] == "TLS 1.2") & support["suite"].notna() & (support["state"] == "accepted")]
    assert ranked.sort_values("rank")["suite"].tolist() == [
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
    ]
    assert ranked["is_sound"].all()
    keys = support[support["key_type"].notna() & (support["protocol"] == "TLS 1.2")]
    assert dict(zip(keys["key_type"], keys["state"], strict=True)) == {
        "RSA": "accepted", "EC": "refused", "DSA": "refused", "Ed25519": "refused", "Ed448": "refused",
        "GOST-256": "refused", "GOST-512": "refused",
    }  # fmt: skip


def test_tables_are_as_others_make_them_and_a_store_keeps_them(surveyed: toolkit.Tables, tmp_path: Path) -> None:
    again = toolkit.Tables.from_frames(surveyed.observations, surveyed.certificates, surveyed.support, surveyed.rounds)
    for table in ("observations", "certificates", "support", "rounds"):
        assert len(getattr(again, table)) == len(getattr(surveyed, table)), table
    store = toolkit.Store(str(tmp_path / "store"))
    store.append(surveyed)
    assert len(store.load().support) == len(surveyed.support)


def test_only_what_is_wanted_is_asked(target: Target) -> None:
    tables = toolkit.survey(target, parts=("suites",), **SETTINGS)
    assert tables.support["group"].isna().all()
    assert tables.support["signature_scheme"].isna().all()
    assert set(tables.support.loc[tables.support["key_type"].notna(), "key_type"]) >= {"RSA"}


def test_an_estimate_bounds_what_a_survey_needs(target: Target, surveyed: toolkit.Tables) -> None:
    (row,) = toolkit.estimate_survey(target, rate=None).to_dict("records")
    support = surveyed.support
    asked = support[support[["suite", "group", "signature_scheme"]].notna().any(axis=1)]
    # The server accepts no DHE suite, so it is not asked about finite fields in TLS 1.2.
    assert row["questions"] == len(asked) + len(asked_groups("TLS 1.2", is_finite_field=True))
    assert row["connections_min"] <= surveyed.rounds["connections"].iloc[-1] <= row["connections_max"]
    assert pd.isna(row["seconds_typical"])


def test_an_estimate_stays_within_the_budget() -> None:
    (row,) = toolkit.estimate_survey("https://mail.invalid", rate=10, budget=100).to_dict("records")
    assert row["service"] == "https://mail.invalid:443"
    counts = [row[f"connections_{kind}"] for kind in ("min", "typical", "permissive", "max")]
    assert counts == sorted(counts)
    assert counts[-1] == 100
    assert row["seconds_typical"] == row["connections_typical"] / 10


@pytest.mark.parametrize(
    "settings",
    [{"concurrency": 0}, {"budget": 0}, {"rate": 0}, {"splits": -1}, {"pause_seconds": -1}, {"parts": ("cakes",)}],
)
def test_a_bad_call_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        toolkit.survey("https://mail.example", **settings)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("settings", [{"budget": 0}, {"rate": 0}, {"parts": ("cakes",)}, {"parts": 5}])
def test_a_bad_estimate_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        toolkit.estimate_survey("https://mail.example", **settings)  # type: ignore[arg-type]  # that is the test


def test_a_closed_port_leaves_everything_untested() -> None:
    target = parse_target("https://mail.example", connect_to="127.0.0.1:9")
    tables = toolkit.survey(target, **SETTINGS)
    assert set(tables.support["state"]) == {"untested"}
    assert set(tables.observations["outcome"]) == {"port_closed"}
    # Without a connection, only the fewest handshakes of the questions count.
    end = tables.rounds.iloc[-1]
    assert (end["connections"], end["connections_bound"]) == (0, len(schema.PROTOCOLS))


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_four_connections_in_a_row_are_enough(concurrency: int) -> None:
    """Questions that waited while others failed are not asked; only those under way then may come beyond four."""
    target = parse_target("https://mail.example", connect_to="127.0.0.1:9")
    tables = toolkit.survey(target, concurrency=concurrency, **SETTINGS)
    assert 4 <= len(tables.observations) < 4 + concurrency
    assert tables.support["reason"].str.contains("given up: 4 attempts in a row").any()


def test_a_name_without_address_is_a_failed_look_and_every_question_is_untested(target: Target) -> None:
    tables = toolkit.survey(["https://mail.invalid", target], **SETTINGS)
    failed = tables.observations[tables.observations["service"] == "https://mail.invalid:443"]
    assert failed["outcome"].tolist() == ["not_resolved"]
    unasked = tables.support[tables.support["service"] == "https://mail.invalid:443"]
    assert set(unasked["state"]) == {"untested"}
    assert set(unasked["protocol"]) == set(schema.PROTOCOLS)
    assert unasked[["suite", "group", "signature_scheme", "key_type"]].notna().any().all()
    assert unasked["address"].isna().all()
    assert unasked.loc[unasked["suite"].notna(), "reason"].str.startswith("not_resolved: ").all()
    assert (tables.support.loc[tables.support["service"] != "https://mail.invalid:443", "state"] == "accepted").any()


def test_a_blocked_address_is_untested(target: Target) -> None:
    assert target.connect_to is not None
    limits = toolkit.Limits(blocked=("127.0.0.0/8",))
    tables = toolkit.survey(target, limits=limits, **SETTINGS)
    assert tables.observations["outcome"].tolist() == ["skipped"]
    assert set(tables.support["state"]) == {"untested"}
    assert tables.support["reason"].str.contains("on the block list").any()


def test_the_command_prints_it(target: Target, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert target.connect_to is not None
    place = f"127.0.0.1:{target.connect_to[1]}"
    command = ["survey", "https://mail.example", "--connect-to", place, "--rate", "0", "--store", str(tmp_path / "s")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "suite TLS_RSA_WITH_AES_256_CBC_SHA" in printed
    assert "256/256" in printed
    assert "connected; the questions and their controls need" in printed
    assert len(toolkit.Store(str(tmp_path / "s")).load().support) > 1400
    assert main([*command[:6], "--json"]) == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"accepted", "refused"}
    # Targets that could not be asked are in the table too.
    assert main(["survey", "https://mail.invalid", f"https://{place}", "--rate", "0", "--parts", "suites"]) == 0
    printed = capsys.readouterr().out
    assert "https://mail.invalid:443 at no address" in printed
    assert "not_resolved" in printed
    assert "suite TLS_RSA_WITH_AES_256_CBC_SHA" in printed


def test_the_command_says_where_nothing_could_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["survey", "https://mail.example", "--connect-to", "127.0.0.1:9"]) == NOTHING_REACHED
    assert "nothing could be reached" in capsys.readouterr().err


@pytest.mark.parametrize(("seed", "share"), [(1, 0.05), (2, 0.2), (3, 0.5)])
def test_accidents_on_the_way_only_make_untested_grow(
    target: Target, surveyed: toolkit.Tables, seed: int, share: float
) -> None:
    assert target.connect_to is not None
    with accidents(target.connect_to[1], seed=seed, share=share) as port:
        shaken = toolkit.survey(
            parse_target("https://mail.example", connect_to=f"127.0.0.1:{port}"),
            limits=toolkit.Limits(answer_seconds=0.3),
            concurrency=8,
            **SETTINGS,
        )
    assert (shaken.observations["outcome"] != "ok").sum() > (surveyed.observations["outcome"] != "ok").sum()
    question = ["protocol", "suite", "group", "signature_scheme", "key_type"]
    both = surveyed.support.merge(shaken.support, on=question, how="right", suffixes=("", "_shaken"))
    # Of a version that is refused when all is well, more may be asked, and stays open.
    changed = both[both["state"].fillna("") != both["state_shaken"]]
    assert set(changed["state_shaken"]) <= {"untested"}


def test_a_cluster_finds_what_one_process_finds(
    target: Target, surveyed: toolkit.Tables, tmp_path: Path, client: Any
) -> None:
    store = toolkit.Store(tmp_path / "store")
    found = toolkit.survey(target, vantage="here", store=store, client=client, **SETTINGS)
    assert found.observations["sample"].tolist() == sorted(surveyed.observations["sample"])
    changing = {"observed_at", "round", "written_at"}
    for name in ("support", "rounds"):
        left, right = (
            frame.drop(columns=[column for column in frame if column in changing])
            for frame in (getattr(found, name), getattr(surveyed, name))
        )
        key = [column for column in schema.KEYS[name] if column in left]  # type: ignore[index]
        pd.testing.assert_frame_equal(
            left.sort_values(key, ignore_index=True), right.sort_values(key, ignore_index=True)
        )
    assert len(store.load().support) == len(found.support)


def test_a_survey_on_a_cluster_needs_a_store() -> None:
    with pytest.raises(UsageError, match="needs a store"):
        toolkit.survey("tls://127.0.0.1:1", client=unused_client(), progress=False)


@not_on_windows("signal that a process sends to itself or another")
@pytest.mark.parametrize("at", ["connection", "lookup"])
def test_an_interrupted_survey_on_a_cluster_has_rows_of_each_service(
    at: str, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = iter([signal.SIGINT])

    def hold(connection: socket.socket) -> None:
        with connection:
            os.kill(os.getpid(), next(once, 0))
            while connection.recv(1 << 16):
                pass  # until the other side ends

    def interrupt_lookup(cluster: ClusterRunner, names: Any, find: Any) -> Any:
        if names:  # no target is a mail domain, so only the hosts are looked up
            os.kill(os.getpid(), next(once))
        yield None
        return {}

    if at == "lookup":
        monkeypatch.setattr(ClusterRunner, "_look_up", interrupt_lookup)
    store = toolkit.Store(tmp_path / "store")
    limits = toolkit.Limits(blocked=("127.0.1.1",))
    with answering(hold, "0.0.0.0") as port:
        services = [f"tls://127.0.1.{n}:{port}" for n in range(1, 7)]
        with pytest.warns(InterruptWarning, match=r"^Interrupted after \d+ looks?; "):
            found = toolkit.survey(services, parts="suites", limits=limits, store=store, client=client, **SETTINGS)
    assert found.rounds["end_reason"].iloc[-1] == "interrupted"
    assert sorted(found.support["service"].unique()) == services
    assert set(found.support["state"]) == {"untested"}
    assert len(found.support.groupby(["service", "address"], dropna=False)) == len(services)
    assert len(store.load().support) == len(found.support)
    reasons = found.support.groupby("service")["reason"].agg(set)
    assert any(reason.startswith("skipped: ") for reason in reasons[services[0]])
    assert "the survey ended before it was asked" in reasons[services[-1]]
