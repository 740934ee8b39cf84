"""`Tables`: made from any frames, counted, joined, written."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from tests.certificates import der
from tests.conftest import ROOT
from toolkit import Tables, schema
from toolkit.certificates import parse_certificate
from toolkit.columns import DTYPES
from toolkit.errors import ReadWarning, SchemaError, UsageError
from toolkit.store import Store
from toolkit.tables import as_pem

LOOK = {"date_basis": "observed", "round": "r", "sample": 0, "source": "test", "outcome": "ok"}


def at(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def looks(*changes: dict[str, object]) -> Tables:
    return Tables.from_frames(schema.frame("observations", [LOOK | change for change in changes]))


def test_nothing_is_four_empty_tables() -> None:
    tables = Tables.from_frames()
    assert len(tables.overview()) == 0
    for table in schema.TABLES:
        schema.check(table, getattr(tables, table))


def test_any_frame_will_do_if_its_columns_are_known() -> None:
    tables = Tables.from_frames(pd.DataFrame([LOOK | {"host": "a.test"}])[["host", *LOOK]])
    assert tables.observations["host"].tolist() == ["a.test"]
    with pytest.warns(ReadWarning, match=r"no column colour: left out\. Keep such columns in a frame of their own"):
        tables = Tables.from_frames(pd.DataFrame([LOOK | {"host": "a.test", "colour": "red"}]))
    assert "colour" not in tables.observations
    with pytest.raises(SchemaError, match=r"source is null"):
        Tables.from_frames(pd.DataFrame([LOOK | {"source": None}]))


def test_every_missing_column_is_named_at_once() -> None:
    frame = pd.DataFrame({"host": ["a.test"], "port": [25]})
    with pytest.raises(
        SchemaError, match=r"^observations lacks date_basis, round, source, outcome, which are never null"
    ):
        Tables.from_frames(frame)
    with pytest.raises(SchemaError, match=r"^support lacks round, state, "):
        Tables.from_frames(support=frame)


def test_what_follows_from_other_columns_is_filled() -> None:
    given = pd.DataFrame(
        {
            "host": ["A.test", "b.test", "2001:db8::1", "c.test", None],
            "port": [25, 443, 993, 4433, 25],
            "observed_at": [at(1), at(1), None, None, None],
            "observed_until": [None, None, at(2), None, None],
            "round": "by hand", "source": "notes", "outcome": "ok",
        }
    )  # fmt: skip
    looks = Tables.from_frames(given).observations
    services = ["smtp://a.test:25", "https://b.test:443", "imaps://[2001:db8::1]:993", None, None]
    assert looks["service"].astype(object).where(looks["service"].notna(), None).tolist() == services
    assert looks["date_basis"].tolist() == ["observed", "observed", "until", "undated", "undated"]
    assert looks["sample"].tolist() == [0, 0, 0, 0, 1]
    named = Tables.from_frames(given.drop(columns=["host", "port"]).assign(service="smtp://a.test:25")).observations
    assert (named["host"].unique().tolist(), named["port"].unique().tolist()) == (["a.test"], [25])
    assert named["sample"].tolist() == [0, 1, 2, 3, 4]
    answers = given[:3][["host"]].assign(scheme="tls", protocol="TLS 1.3", state="accepted", round="by hand")
    assert Tables.from_frames(support=answers).support["service"].tolist()[:2] == [
        "tls://a.test:443",
        "tls://b.test:443",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"host": "a.test", "port": 99999}, r"^row 7: 'a\.test:99999': '99999' is not a port"),
        ({"host": "a.test", "port": 0, "scheme": "smtp"}, r"^row 7: 'smtp://a\.test:0': '0' is not a port"),
        ({"host": "a.test", "scheme": "htps"}, r"^row 7: .* Did you mean 'https'\?"),
        ({"host": "a b.test", "port": 443}, "^row 7: .* is not a host name"),
        ({"service": "tls://a.test:1", "port": -1}, r"^observations\.port may be 1 to 65535, not -1\.$"),
    ],
)
def test_what_cannot_be_a_service_is_refused_with_its_row(row: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Tables.from_frames(pd.DataFrame([LOOK | row], index=[7]))


@pytest.mark.parametrize("table", ["observations", "support"])
def test_bounds_that_end_before_they_begin_are_refused(table: str) -> None:
    row: dict[str, object] = {"date_basis": "between", "round": "r", "sample": 0, "source": "test", "outcome": "ok"}
    if table == "support":
        row = {"date_basis": "between", "round": "r", "service": "s", "protocol": "TLS 1.2", "state": "accepted"}
    for first, last in ((1, 2), (1, 1)):
        Tables.from_frames(**{table: pd.DataFrame([row | {"observed_from": at(first), "observed_until": at(last)}])})
    with pytest.raises(SchemaError, match=rf"{table}\.observed_from \(.*\) is after observed_until"):
        Tables.from_frames(**{table: pd.DataFrame([row | {"observed_from": at(2), "observed_until": at(1)}])})


def test_of_repeats_the_first_stands_and_null_is_a_key_like_any_other() -> None:
    tables = looks({"reason": "first"}, {"reason": "second"}, {"sample": 1}, {"address": "192.0.2.1"})
    assert tables.observations["reason"].fillna("").tolist() == ["first", "", ""]


def test_concat_keeps_order_and_drops_what_is_in_both() -> None:
    one, other = looks({"reason": "one"}), looks({"reason": "other"}, {"sample": 1})
    joined = Tables.concat([one, Tables.from_frames(), other])
    assert joined.observations["reason"].fillna("").tolist() == ["one", ""]
    assert len(Tables.concat([]).observations) == 0


def test_overview_counts_looks_failures_and_the_longest_gap() -> None:
    tables = looks(
        {"service": "a", "observed_at": at(1), "leaf_sha256": "x"},
        {"service": "a", "observed_at": at(2), "sample": 1, "leaf_sha256": "x"},
        {"service": "a", "observed_at": at(9), "sample": 2, "outcome": "timeout", "source": "other"},
        {"service": "a", "sample": 3, "outcome": "timeout"},
        {"service": "a", "sample": 4, "outcome": "refused"},
        {"sample": 5, "observed_at": at(3)},
    )
    overview = tables.overview()
    assert overview["service"].fillna("null").tolist() == ["a", "null"]
    first, second = overview.iloc[0], overview.iloc[1]
    assert (first["looks"], first["looks_ok"], first["certificates"]) == (5, 2, 1)
    assert first["failures"] == "2 timeout, 1 refused"
    assert (first["first_look_at"], first["last_look_at"], first["longest_gap_days"]) == (at(1), at(9), 7.0)
    assert first["source"] == "other, test"
    assert second["failures"] is pd.NA
    assert second["longest_gap_days"] is pd.NA


def test_bounds_tell_of_looks_and_answers_without_an_instant() -> None:
    given = looks(
        {"service": "a", "observed_at": at(5)},
        {"service": "a", "sample": 1, "observed_from": at(2), "observed_until": at(4)},
        {"service": "a", "sample": 2},
    )
    support = [
        {"service": service, "round": "r", "state": "refused", "observed_until": until}
        for service, until in (("a", at(9)), ("b", at(8)), ("c", None))
    ]
    overview = Tables.concat([given, Tables.from_frames(support=schema.frame("support", support))]).overview()
    assert overview["service"].tolist() == ["a", "b", "c"]
    assert overview["looks"].tolist() == [3, 0, 0]
    assert overview["questions"].tolist() == [1, 1, 1]
    assert overview["undated"].tolist() == [1, 0, 1]
    assert overview.loc[0, ["known_from_at", "known_until_at"]].tolist() == [at(2), at(9)]
    assert overview["known_until_at"].isna().tolist() == [False, False, True]
    assert overview.loc[0, "first_look_at"] == at(5)


EDGES = [None, at(3), at(5), at(7)]


@pytest.mark.parametrize("since", EDGES)
@pytest.mark.parametrize("until", EDGES)
@pytest.mark.parametrize("services", [None, "a", ["b", "c"], []])
def test_within_gives_what_a_store_loads(
    since: datetime | None, until: datetime | None, services: str | list[str] | None, kept: Store, everything: Tables
) -> None:
    if since is not None and until is not None and since > until:
        with pytest.raises(UsageError, match="exchange the two"):
            kept.load(since=since, until=until, services=services)
        return
    loaded = kept.load(since=since, until=until, services=services)
    chosen = everything.within(since=since, until=until, services=services)
    for name in schema.TABLES:
        assert_frame_equal(getattr(chosen, name), getattr(loaded, name))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Looks and answers at every place around 3 to 7, dated, bounded and undated, each naming a certificate."""
    dates: list[dict[str, object]] = [{"observed_at": at(day)} for day in (2, 3, 4, 7, 8)]
    dates += [{"observed_until": at(2)}, {"observed_until": at(5)}, {"observed_from": at(7)}, {"observed_from": at(5)}]
    dates += [{"observed_from": at(2), "observed_until": at(8)}, {}]
    rows = [(date, f"{service}{number}", service) for number, date in enumerate(dates) for service in ("a", "b", None)]
    made = looks(
        *({**date, "round": name, "service": service, "leaf_sha256": name, "chain_sha256": (name, "ca")}
          for date, name, service in rows)
    )  # fmt: skip
    answers = [
        {**date, "round": f"s {name}", "service": service or "c", "state": "refused"} for date, name, service in rows
    ]
    certificates = [{"cert_sha256": name, "der": b"?"} for name in [*(name for _, name, _ in rows), "ca", "unnamed"]]
    rounds = [
        {"round": name, "phase": "start", "written_at": at(1), "source": "test", "services": ()}
        for name in [*(name for _, name, _ in rows), "unnamed"]
    ]
    store = Store(tmp_path_factory.mktemp("kept") / "s")
    store.append(
        Tables.from_frames(
            made.observations, schema.frame("certificates", certificates), schema.frame("support", answers),
            schema.frame("rounds", rounds),
        )
    )  # fmt: skip
    return store


@pytest.fixture(scope="module")
def everything(kept: Store) -> Tables:
    return kept.load()


def test_a_limit_needs_a_zone() -> None:
    with pytest.raises(UsageError, match="since='2026-01-01' has no zone"):
        looks().within(since="2026-01-01")


def test_many_sources_are_counted_and_not_listed() -> None:
    tables = looks(*({"service": "a", "sample": number, "source": f"page {number}"} for number in range(4)))
    assert tables.overview()["source"].tolist() == ["4 sources"]


def test_a_look_without_a_date_has_no_span() -> None:
    overview = looks({"service": "a"}).overview()
    assert overview[["first_look_at", "last_look_at"]].isna().all(axis=None)
    assert str(overview["first_look_at"].dtype) == DTYPES["instant"]


def test_certificates_are_written_as_pem_that_says_what_is_in_it(tmp_path: Path) -> None:
    made = der.certificate(subject=der.name(b"a\n-----BEGIN CERTIFICATE-----\x1b[2J"))
    tables = Tables.from_frames(certificates=schema.frame("certificates", [parse_certificate(made)]))
    tables.to_csv(tmp_path)
    (path,) = (tmp_path / "certificates").iterdir()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == r"subject: CN=a\n- - -BEGIN CERTIFICATE- - -\x1b[2J"
    assert lines[1] == "issuer: CN=Issuer"
    assert lines[2:4] == ["not_before: 2026-01-01 00:00:00+00:00", "not_after: 2027-01-01 00:00:00+00:00"]
    assert "\n".join(lines[4:]) + "\n" == as_pem(made)


def test_files_are_the_same_however_often_they_are_written(tmp_path: Path) -> None:
    tables = looks({"reason": "=1", "connect_ms": 0.1 + 0.2, "observed_at": at(1), "chain_sha256": ("a", "é")})
    tables.to_csv(tmp_path / "one")
    tables.to_csv(tmp_path / "two")
    tables.to_csv(tmp_path / "two")
    one, two = ((tmp_path / name / "observations.csv").read_bytes() for name in ("one", "two"))
    assert one == two
    assert b"'=1" in one
    assert b"0.30000000000000004" in one
    assert b"2026-01-01T00:00:00Z" in one


def test_tables_are_described_in_a_few_lines() -> None:
    described = repr(toolkit.read(ROOT / "data" / "google-mail"))
    assert described.splitlines() == [
        "Tables",
        (
            "  observations  65 rows of 12 services, 4 without a service, 0 failed; "
            "2007-07-23 to 2026-09-23; recorded data"
        ),
        "  certificates  24 rows",
        "  support       551 rows (509 refused, 42 accepted)",
        "  rounds        0 rows",
    ]
    assert "<td>24 rows</td>" in toolkit.read(ROOT / "data" / "google-mail")._repr_html_()
    assert "  observations  0 rows" in repr(Tables.from_frames())
