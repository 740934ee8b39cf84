"""Out again: every export reads back as the same tables, and every returned frame goes to other programs."""

import io
import json
import sqlite3
import warnings
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from pandas.testing import assert_frame_equal

import toolkit
from tests.certificates import der
from toolkit import Tables, flat, schema
from toolkit.certificates import describe_certificate, parse_certificate
from toolkit.columns import Column
from toolkit.errors import ReadError, UsageError

WRITERS: dict[str, tuple[str, Callable[[Tables, Path], None]]] = {
    "csv": ("csv", Tables.to_csv),
    "parquet": ("parquet", Tables.to_parquet),
    "json": ("tables.json", Tables.to_json),
    "sqlite": ("tables.sqlite", Tables.to_sqlite),
    "excel": ("tables.xlsx", Tables.to_excel),
}
"""Format → the name in a folder, and what writes it."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    [
        "=1+1",
        "'",
        "''",
        "@SUM(1)",
        "a;=1",
        "\\",
        "\\n",
        "-",
        "+1",
        "\t=1",
        "\r\n",
        '"',
        "0",
        "true",
        "null",
        "\x00",
        "１",
    ]
)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
VALUES: dict[str, st.SearchStrategy[object]] = {
    "instant": INSTANTS,
    "text": TEXT,
    "texts": st.lists(TEXT | st.just(""), max_size=3).map(tuple),
    "integer": st.integers(-(1 << 63), (1 << 63) - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "bytes": st.binary(min_size=1, max_size=8),
}
CLOSED: dict[str, tuple[str, ...]] = {
    "outcome": tuple(schema.OUTCOMES), "stage": schema.STAGES, "state": schema.STATES, "protocol": schema.PROTOCOLS,
}  # fmt: skip
BOUNDS = {"observed_from", "observed_until"}


def rows(table: schema.TableName) -> st.SearchStrategy[list[dict[str, object]]]:
    def value(column: Column) -> st.SearchStrategy[object]:
        if column.name in CLOSED:
            made: st.SearchStrategy[object] = st.sampled_from(CLOSED[column.name])
        elif column.name == "port":
            made = st.integers(1, 65_535)
        else:
            made = VALUES[column.kind]
        return made

    columns = [column for column in schema.TABLES[table] if column.name not in BOUNDS]
    needed = {column.name: value(column) for column in columns if not column.null}
    others = {column.name: value(column) for column in columns if column.null}
    return st.lists(st.fixed_dictionaries(needed, optional=others), max_size=2)


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    frames = {name: schema.frame(name, draw(rows(name))) for name in ("observations", "support", "rounds")}
    held = [parse_certificate(der.certificate(serial=der.integer(number))) for number in range(draw(st.integers(0, 2)))]
    described = [
        describe_certificate({"subject": draw(TEXT), "issuer": draw(TEXT), "serial": str(number), "tool": draw(TEXT)})
        for number in range(draw(st.integers(0, 2)))
    ]
    certificates = schema.frame("certificates", held + described)
    return Tables.from_frames(**frames, certificates=certificates)  # type: ignore[arg-type]


def assert_equal(one: Tables, other: Tables) -> None:
    for table in schema.TABLES:
        left, right = getattr(one, table), getattr(other, table)
        if table == "certificates":
            left, right = (frame.sort_values("cert_sha256", ignore_index=True) for frame in (left, right))
        assert_frame_equal(left, right)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(made=tables())
def test_what_is_exported_reads_back_the_same(made: Tables, tmp_path: Path) -> None:
    """In every format: to draw tables costs more than to write them."""
    for file, write in WRITERS.values():
        write(made, tmp_path / file)
        assert_equal(toolkit.read(tmp_path / file), made)


@pytest.mark.parametrize("name", WRITERS)
def test_an_empty_subject_is_not_null(name: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    described = {"cert_sha256": ["ab" * 32, "cd" * 32, "ef" * 32], "subject": ["", "\\", None]}
    made = Tables.from_frames(certificates=pd.DataFrame(described))
    write(made, tmp_path / file)
    assert_equal(toolkit.read(tmp_path / file), made)


@pytest.mark.parametrize("name", WRITERS)
def test_the_examples_read_back_the_same_and_are_recognised(name: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    made = toolkit.load_example("google-mail")
    write(made, tmp_path / file)
    write(made, tmp_path / file)  # it replaces itself
    assert_equal(toolkit.read(tmp_path / file), made)
    assert toolkit.readers.find_format_of(tmp_path / file) == name
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("name", ["json", "sqlite", "excel"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_file_that_is_cut_short_is_an_error(name: str, share: float, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    write(toolkit.load_example("google-mail"), tmp_path / file)
    data = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ReadError):
        toolkit.read(tmp_path / file, format=name)


def test_a_damaged_folder_of_parquet_is_an_error(tmp_path: Path) -> None:
    toolkit.load_example("google-mail").to_parquet(tmp_path)
    file = tmp_path / "support.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ReadError, match=r"support\.parquet is damaged"):
        toolkit.read(tmp_path)
    file.unlink()
    assert toolkit.read(tmp_path).support.empty
    (tmp_path / "unfinished-export").mkdir()
    with pytest.raises(ReadError, match="was cut off"):
        toolkit.read(tmp_path)
    with pytest.raises(UsageError, match="holds an export in parquet files"):
        toolkit.load_example("google-mail").to_csv(tmp_path)
    with pytest.raises(ReadError, match="is one file of several"):
        toolkit.read(tmp_path / "observations.parquet")


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (a)")
    with pytest.raises(ReadError, match="did not write it"):
        toolkit.read(path, format="sqlite")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE tls_toolkit_schema (version INTEGER)")
        database.execute("INSERT INTO tls_toolkit_schema VALUES (99)")
    with pytest.raises(ReadError, match="version 99 of the schema"):
        toolkit.read(path)
    toolkit.Tables.from_frames().to_excel(tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "x.xlsx", "a") as archive:
        archive.writestr("xl/evil.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    with pytest.raises(ReadError, match="has a DOCTYPE"):
        toolkit.read(tmp_path / "x.xlsx")
    for support in ("5", "[5]", '[{"a": 1}]', '[{"rank": "1"}]', '[{"is_sound": 1}]', "[" * 10_000):
        (tmp_path / "x.json").write_text(f'{{"tls_toolkit_schema": 2, "support": {support}}}')
        with pytest.raises(ReadError):
            toolkit.read(tmp_path / "x.json")


def test_a_workbook_edited_by_hand_is_read(tmp_path: Path) -> None:
    from openpyxl import load_workbook  # noqa: PLC0415

    toolkit.load_example("google-mail").to_excel(tmp_path / "x.xlsx")
    book = load_workbook(tmp_path / "x.xlsx")
    sheet = book["support"]
    names = [cell.value for cell in sheet[1]]
    sheet.cell(2, names.index("rank") + 1).value = 3.0
    sheet.cell(2, names.index("reason") + 1).value = 2016
    book.save(tmp_path / "x.xlsx")
    read = toolkit.read(tmp_path / "x.xlsx").support
    assert (read["rank"][0], read["reason"][0]) == (3, "2016")


def test_a_workbook_holds_no_formula_and_no_value_that_is_too_long(tmp_path: Path) -> None:
    from openpyxl import load_workbook  # noqa: PLC0415

    look = {"date_basis": "undated", "round": "r", "sample": 0, "source": "=cmd|' /C calc'!A0", "outcome": "ok"}
    made = Tables.from_frames(schema.frame("observations", [look | {"reason": "+1", "chain_sha256": ("=1",)}]))
    made.to_excel(tmp_path / "x.xlsx")
    cells = [cell for row in load_workbook(tmp_path / "x.xlsx")["observations"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not [cell.value for cell in cells if str(cell.value).startswith(("=", "+", "@"))]
    long = Tables.from_frames(schema.frame("observations", [look | {"answer_bytes": b"x" * 20_000}]))
    with pytest.raises(UsageError, match=r"observations\.answer_bytes has a value of 40,000 characters"):
        long.to_excel(tmp_path / "y.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["x.xlsx"]


@pytest.mark.parametrize("method", ["to_json", "to_sqlite", "to_excel"])
def test_a_file_is_named_and_not_a_folder(method: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: name a file in it"):
        getattr(Tables.from_frames(), method)(tmp_path)
    with pytest.raises(UsageError, match="takes the path of a file, not int"):
        getattr(Tables.from_frames(), method)(5)


def results() -> dict[str, pd.DataFrame]:
    """Frames that public functions return."""
    sample = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
    now = sample.observations["observed_at"].max()
    rotations = toolkit.find_rotations(sample)
    return {
        **{name: getattr(sample, name) for name in schema.TABLES},
        "overview": sample.overview(),
        "sightings": toolkit.find_sightings(sample),
        "rotations": rotations,
        "described rotations": toolkit.describe_rotations(rotations, sample),
        "lineages": toolkit.find_lineages(sample),
        "sharing": toolkit.find_sharing(sample),
        "explained": toolkit.explain_leaves(sample),
        "expiry": toolkit.summarise_expiry(sample, now=now),
        "support summary": toolkit.summarise_support(toolkit.load_example("google-mail"), now=now),
        "findings": toolkit.judge(sample, "ietf"),
        "checks": toolkit.check(sample, now=now, policy="ietf", roots="certifi"),
        "chains": toolkit.verify_chains(sample, as_of=now, roots="certifi"),
    }


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return results()


def test_every_returned_frame_goes_to_excel_sql_parquet_and_json(frames: dict[str, pd.DataFrame]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, frame in frames.items():
            ready = flat(frame)
            assert len(ready) == len(frame), name
            assert list(ready.columns) == list(frame.columns)
            ready.head(20).to_excel(io.BytesIO(), index=False)
            ready.to_parquet(io.BytesIO())
            assert len(json.loads(ready.to_json(orient="records", date_format="iso"))) == len(frame)
            with closing(sqlite3.connect(":memory:")) as database:
                ready.to_sql("result", database, index=False)
                (count,) = database.execute("SELECT count(*) FROM result").fetchone()
            assert count == len(frame)


def test_flat_keeps_numbers_and_nulls_and_neutralises_text() -> None:
    at = pd.Timestamp("2026-01-01T01:00:00+01:00")
    frame = pd.DataFrame(
        {
            "at": [at, None], "names": [("a", "=b"), None], "der": [b"\x01", None], "text": ["=1+1", pd.NA],
            "count": pd.array([1, None], "Int64"), "share": [0.5, None], "is_x": pd.array([True, None], "boolean"),
            "took": [pd.Timedelta("1h"), None],
            "year": pd.Series(["0001-01-01T00:00Z", "9999-12-31T00:00Z"], ["=i", "j"]).astype("datetime64[us, UTC]"),
        },
        index=pd.Index(["=i", "j"], name="key"),
    )  # fmt: skip
    made = flat(frame)
    assert made.loc[0].astype(str).tolist() == [
        "'=i", "2026-01-01 00:00:00", '["a", "\\u003db"]', "01", "'=1+1", "1", "0.5", "True", "0 days 01:00:00",
        "0001-01-01 00:00:00",
    ]  # fmt: skip
    assert made.loc[1].isna().tolist() == [False, *[True] * 8, False]
    made.to_excel(io.BytesIO(), index=False)
    made.to_json(date_format="iso")
    assert flat(pd.DataFrame()).empty
    with pytest.raises(UsageError, match="takes a DataFrame, not Tables"):
        flat(Tables.from_frames())  # type: ignore[arg-type]
