"""What is appended is what is loaded: dtypes, order, repeats, limits."""

import pickle
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pandas.testing import assert_frame_equal

from tests.store.tables import BEGIN, SERVICES, certificate, look, make_store, tables_of_hour
from toolkit import schema
from toolkit.errors import SchemaError, StoreError, UsageError
from toolkit.store import Store
from toolkit.store.delta import VERSION_PROPERTY
from toolkit.tables import Tables


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rounds, an hour apart, one append each."""
    return make_store(tmp_path_factory.mktemp("made") / "store", hours=12)


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    return Store(shutil.copytree(made, tmp_path / "store"))


def equal(left: Tables, right: Tables) -> None:
    for name in schema.TABLES:
        by = list(schema.KEYS[name])
        frames = [getattr(tables, name).sort_values(by, ignore_index=True) for tables in (left, right)]
        assert_frame_equal(*frames)


def test_what_is_loaded_is_what_was_appended(store: Store) -> None:
    equal(store.load(), Tables.concat(tables_of_hour(hour) for hour in range(12)))


def test_loaded_rows_are_in_the_order_of_their_instants(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for hour in (3, 1, 2):
        store.append(tables_of_hour(hour))
    looks = store.load().observations
    assert looks["observed_at"].is_monotonic_increasing
    assert list(looks["service"][:3]) == sorted(SERVICES)


def test_every_dtype_survives_at_its_edges(tmp_path: Path) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    first = datetime(1, 1, 1, tzinfo=UTC)
    certificates = [
        certificate("a", not_before=first, not_after=last, names=("x.test", "ü"), key_bits=(1 << 53) + 1, is_ca=False),
        certificate("b", names=(), serial="-1f", parse_error="§"),
        certificate("c"),
    ]
    looks = [
        look(last, "a", connect_ms=0.1, sent_bytes=b"\x00\xff", is_key_proven=True, suite_code=0x1301),
        look(None, round="q"),
    ]
    given = Tables.from_frames(schema.frame("observations", looks), schema.frame("certificates", certificates))
    store = Store(tmp_path / "s")
    store.append(given)
    loaded = store.load()
    equal(loaded, given)
    for name in schema.TABLES:
        schema.check(name, getattr(loaded, name))
    kept = loaded.certificates.set_index("der")
    assert kept.loc[b"a", "not_after"].year == 9999
    assert kept.loc[b"a", "key_bits"] == (1 << 53) + 1
    assert kept.loc[b"b", "names"] == ()
    assert kept.loc[b"c", "names"] is None
    assert len(store.load(until=last).observations) == 1
    assert len(store.load(since=last).observations) == 2


def test_of_repeats_the_first_stands(store: Store) -> None:
    before = store.load()
    late = tables_of_hour(5).observations.assign(
        observed_at=pd.Timestamp(BEGIN + timedelta(hours=90)), outcome="closed"
    )
    store.append(Tables.from_frames(observations=late))
    Store(store.path).append(tables_of_hour(5))
    equal(store.load(), before)
    assert store.info().set_index("table").loc["observations", "rows"] == 12 * 3 + 3 + 3


def test_an_empty_append_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.append(Tables.from_frames())
    assert not (tmp_path / "s").exists()


def test_a_frame_that_is_not_of_the_schema_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    tables = tables_of_hour(0)
    wrong = replace(tables, observations=tables.observations.assign(outcome="fine"))
    with pytest.raises(SchemaError):
        Store(tmp_path / "s").append(wrong)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [(4, 8, [4, 5, 6, 7]), (None, 2, [0, 1]), (10, None, [10, 11]), (11.5, None, []), (4, 4, [])],
)
def test_since_is_inclusive_and_until_exclusive(
    store: Store, since: float | None, until: float | None, hours: list[int]
) -> None:
    limits = {
        name: BEGIN + timedelta(hours=hour) for name, hour in (("since", since), ("until", until)) if hour is not None
    }
    loaded = store.load(**limits)
    assert sorted(loaded.observations["round"].unique()) == sorted(f"w-{hour}" for hour in hours)
    assert set(loaded.rounds["round"]) == set(loaded.observations["round"])
    assert set(loaded.certificates["cert_sha256"]) == set(loaded.observations["leaf_sha256"].dropna())


def test_services_limit_every_table(store: Store) -> None:
    store.append(Tables.from_frames(certificates=schema.frame("certificates", [certificate("of nobody")])))
    loaded = store.load(services=SERVICES[1])
    assert set(loaded.observations["service"]) == {SERVICES[1]}
    assert b"of nobody" not in set(loaded.certificates["der"])
    assert b"of nobody" in set(store.load().certificates["der"])
    failed = store.load(services=[SERVICES[0]])
    assert len(failed.observations) == 12
    assert failed.certificates.empty
    assert store.load(services=["smtp://o'brien.test:25"]).observations.empty
    assert store.load(services=[]).observations.empty


def test_a_certificate_named_only_in_a_chain_is_loaded(tmp_path: Path) -> None:
    leaf, root = certificate("leaf"), certificate("root")
    looks = [look(BEGIN, "leaf", chain_sha256=(leaf["cert_sha256"], root["cert_sha256"]))]
    store = Store(tmp_path / "s")
    store.append(
        Tables.from_frames(
            schema.frame("observations", looks), schema.frame("certificates", [leaf, root, certificate("x")])
        )
    )
    assert set(store.load(services=SERVICES).certificates["der"]) == {b"leaf", b"root"}


def test_an_undated_row_is_kept_unless_its_bounds_put_it_outside(tmp_path: Path) -> None:
    def day(number: int) -> datetime:
        return BEGIN + timedelta(days=number)

    bounds = {
        "unknown": {},
        "before": {"observed_until": day(1)},
        "after": {"observed_from": day(9)},
        "inside": {"observed_from": day(4), "observed_until": day(5)},
        "across": {"observed_from": day(1), "observed_until": day(9)},
    }
    looks = [look(None, round=name, **bound) for name, bound in bounds.items()]
    store = Store(tmp_path / "s")
    store.append(Tables.from_frames(schema.frame("observations", looks)))
    loaded = store.load(since=day(3), until=day(7)).observations
    assert set(loaded["round"]) == {"unknown", "inside", "across"}


def test_what_the_limits_rule_out_is_not_opened(store: Store) -> None:
    """Every file of another time is taken away: a load that opened one of them would fail."""
    kept = store._tables["observations"].open()
    wanted = kept.file_uris(
        file_pruning_predicate="observed_at >= '2026-01-01T04:00:00Z' AND observed_at < '2026-01-01T06:00:00Z'"
    )
    assert len(wanted) == 2
    for path in kept.file_uris():
        if path not in wanted:
            Path(path).unlink()
    window = {"since": "2026-01-01T04:00:00Z", "until": "2026-01-01T06:00:00Z"}
    assert set(store.load(**window).observations["round"]) == {"w-4", "w-5"}
    with pytest.raises(StoreError, match=r"part-.*parquet cannot be read"):
        store.load(since="2026-01-01T04:00:00Z")


def test_services_out_of_range_are_not_opened(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for service in SERVICES:
        store.append(Tables.from_frames(schema.frame("observations", [look(BEGIN, round=service, service=service)])))
    for path in store._tables["observations"].open().file_uris(file_pruning_predicate=f"service > '{SERVICES[0]}'"):
        Path(path).unlink()
    assert len(store.load(services=SERVICES[2]).observations) == 1


@pytest.mark.parametrize("wrong", ["2026-01-01", datetime(2026, 1, 1), "yesterday"])  # noqa: DTZ001  what is tested
def test_an_instant_needs_a_zone(store: Store, wrong: datetime | str) -> None:
    with pytest.raises(UsageError, match="since="):
        store.load(since=wrong)


def test_zones_are_converted(store: Store) -> None:
    looks = store.load(
        since="2026-01-01T12:00:00+02:00", until=pd.Timestamp("2026-01-01T06:00:00", tz="America/New_York")
    )
    assert set(looks.observations["round"]) == {"w-10"}


def test_the_looks_of_a_round_are_known_by_their_keys(store: Store) -> None:
    looks = store.looks_of("w-3")
    assert list(looks.columns) == list(schema.OBSERVATION_KEY)
    assert set(looks["service"]) == set(SERVICES)
    assert store.looks_of("none").empty
    assert Store(Path(store.path) / "new").looks_of("none").empty


def test_compacting_changes_files_and_no_row(store: Store) -> None:
    before, counted = store.load(), store.sightings()
    store.compact()
    assert set(store.info()["files"]) == {1}
    equal(store.load(), before)
    assert_frame_equal(store.sightings(), counted)
    store.append(tables_of_hour(12))
    assert len(store.load().rounds) == 26


def test_a_store_that_was_removed_is_made_anew_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.append(tables_of_hour(0))
    (tmp_path / "s").rename(tmp_path / "away")
    store.append(tables_of_hour(0))
    equal(store.load(), tables_of_hour(0))


def test_a_url_takes_its_options_and_is_not_touched_before_it_is_used() -> None:
    options = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with pytest.raises(StoreError, match="s3://bucket/looks/observations could not be opened"):
        Store("s3://bucket/looks/", storage_options=options | {"AWS_REGION": "eu-central-1", "max_retries": "0"})


def test_a_file_may_hold_nothing_but_nulls_in_a_column(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for number, service in enumerate((None, SERVICES[0], None)):
        store.append(Tables.from_frames(schema.frame("observations", [look(BEGIN, sample=number, service=service)])))
    assert list(store.load().observations["service"].isna()) == [True, True, False]


@pytest.mark.parametrize("separator", ["", "\x1f"])
def test_lists_that_look_alike_stay_apart(tmp_path: Path, separator: str) -> None:
    lists = [(), ("",), ("", ""), ("a", "b"), (f"a{separator}b",), ("a", "b"), None, ("b",), ("1", "b1"), ("1b", "1")]
    given = Tables.from_frames(
        certificates=schema.frame("certificates", [certificate(f"{n}", names=names) for n, names in enumerate(lists)])
    )
    store = Store(tmp_path / "s")
    store.append(given)
    equal(store.load(), given)


def test_a_store_can_be_sent_to_another_process(store: Store) -> None:
    sent = pickle.loads(pickle.dumps(store))
    sent.append(tables_of_hour(12))
    assert len(store.load().observations) == 13 * 3


NEWER = ("observed_from", "observed_until", "date_basis")


@pytest.fixture
def begun_before(tmp_path: Path) -> Store:
    """A store whose answers were kept before their instants could be known by bounds."""
    kept = schema.arrow_schema("support")
    older = pa.schema([field for field in kept if field.name not in NEWER])
    properties = {VERSION_PROPERTY: "1", "delta.dataSkippingStatsColumns": "observed_at,service,round"}
    where = str(tmp_path / "s" / "support")
    DeltaTable.create(where, older, configuration=properties, raise_if_key_not_exists=False)
    for number, instant in enumerate((BEGIN, None)):
        rows = pd.DataFrame([answer(instant, round=f"old {number}")]).drop(columns=list(NEWER), errors="ignore")
        write_deltalake(where, pa.Table.from_pandas(rows, schema=older, preserve_index=False), mode="append")
    return Store(tmp_path / "s")


def answer(instant: datetime | None, **facts: object) -> dict[str, object]:
    fixed = {"observed_at": instant, "service": SERVICES[0], "protocol": "TLS 1.2", "state": "accepted"}
    return dict.fromkeys(column.name for column in schema.TABLES["support"]) | fixed | facts


def test_a_store_begun_before_a_column_loads_it_as_null(begun_before: Store) -> None:
    loaded = begun_before.load()
    assert loaded.support["round"].tolist() == ["old 0", "old 1"]
    assert loaded.support[list(NEWER)].isna().all(axis=None)
    schema.check("support", loaded.support)
    later = begun_before.load(since=BEGIN + timedelta(days=1), until=BEGIN + timedelta(days=2))
    assert later.support["round"].tolist() == ["old 1"]


def test_a_store_begun_before_a_column_takes_it(begun_before: Store) -> None:
    bounds = {"observed_from": BEGIN + timedelta(days=3), "observed_until": BEGIN + timedelta(days=5)}
    fresh = answer(None, round="new", date_basis="between: tried", **bounds)
    for _ in range(2):
        begun_before.append(Tables.from_frames(support=schema.frame("support", [fresh])))
    loaded = begun_before.load().support
    assert loaded["round"].tolist() == ["old 0", "new", "old 1"]
    assert loaded["date_basis"].tolist() == [pd.NA, "between: tried", pd.NA]
    assert loaded.loc[1, "observed_from"] == bounds["observed_from"]
    begun_before.compact()
    assert_frame_equal(begun_before.load().support, loaded)


def test_answers_known_by_bounds_are_kept_unless_these_put_them_outside(tmp_path: Path) -> None:
    def day(number: int) -> datetime:
        return BEGIN + timedelta(days=number)

    bounds = {
        "unknown": (None, None),
        "before": (None, day(1)),
        "after": (day(9), None),
        "inside": (day(4), day(5)),
        "across": (day(1), day(9)),
    }
    answers = [
        answer(None, round=name, observed_from=begins, observed_until=ends) for name, (begins, ends) in bounds.items()
    ]
    store = Store(tmp_path / "s")
    store.append(Tables.from_frames(support=schema.frame("support", answers)))
    loaded = store.load(since=day(3), until=day(7)).support
    assert set(loaded["round"]) == {"unknown", "inside", "across"}
