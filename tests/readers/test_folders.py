"""What `Tables.to_csv` writes is read back as it was, and what others wrote is read or refused by name."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from hypothesis import Phase, given, settings, strategies as st
from pandas.testing import assert_frame_equal

import toolkit
from tests.certificates import der
from toolkit import Tables, schema
from toolkit.certificates import parse_certificate
from toolkit.errors import ReadError
from toolkit.tables import as_pem

HOSTILE = [
    *("=1+1", "'", "''", "\\", "\\x41", "a\nb\r\n", "\x1b[2J", "\u202e", "\0", '"', '","', " ", "NaN", "NA", "null"),
    *("554 go;=1+1", 'x;"=1', "a|@b", ",-1"),
    *("<NA>", "\ufeff", "\U000e0001", "\u2028", "－1", "\u3000=1", "-----BEGIN CERTIFICATE-----", "a" * 5000),
]

# Surrogates cannot be stored (`text.storable`), and empty text becomes null, as `to_csv` says.
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  the zone is given

VALUES: dict[str, st.SearchStrategy[object]] = {
    "instant": INSTANTS,
    "text": TEXT,
    "texts": st.lists(TEXT, max_size=3).map(tuple),
    "integer": st.integers(-(1 << 63), (1 << 63) - 1),
    "number": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "bytes": st.binary(min_size=1, max_size=40),
}
CLOSED = {
    "outcome": st.sampled_from(sorted(schema.OUTCOMES)),
    "stage": st.sampled_from(schema.STAGES),
    "state": st.sampled_from(schema.STATES),
    "protocol": st.sampled_from(schema.PROTOCOLS),
    "port": st.integers(1, 65_535),
}


def rows(table: schema.TableName) -> st.SearchStrategy[list[dict[str, object]]]:
    cells = {}
    for column in schema.TABLES[table]:
        value = CLOSED.get(column.name, VALUES[column.kind])
        cells[column.name] = st.one_of(st.none(), value) if column.null else value
    return st.lists(st.fixed_dictionaries(cells).map(with_bounds_in_order), max_size=3)


def with_bounds_in_order(row: dict[str, object]) -> dict[str, object]:
    """Bounds that end before they begin are refused, see `schema.check`."""
    first, last = row.get("observed_from"), row.get("observed_until")
    if isinstance(first, datetime) and isinstance(last, datetime):
        row |= {"observed_from": min(first, last), "observed_until": max(first, last)}
    return row


CERTIFICATES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.builds(
            lambda serial, subject: der.certificate(serial=der.integer(serial), subject=der.name(subject)),
            st.integers(-5, 1 << 70),
            TEXT.map(lambda value: value.encode()),
        ),
    ).map(parse_certificate),
    max_size=3,
)


def assert_equal(one: Tables, other: Tables) -> None:
    for table in get_args(schema.TableName):
        assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)


# Rows of forty columns take minutes to shrink, and are read as easily as they are.
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
@given(rows("observations"), rows("support"), rows("rounds"), CERTIFICATES)
def test_all_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    observations: list[dict[str, object]],
    support: list[dict[str, object]],
    rounds: list[dict[str, object]],
    certificates: list[dict[str, object]],
) -> None:
    certificates.sort(key=lambda row: str(row["cert_sha256"]))  # as the files are listed
    made = Tables.from_frames(
        schema.frame("observations", observations),
        schema.frame("certificates", certificates),
        schema.frame("support", support),
        schema.frame("rounds", rounds),
    )
    folder = tmp_path_factory.mktemp("written")
    made.to_csv(folder)
    assert_equal(toolkit.read(folder), made)
    for file in folder.glob("*.csv"):
        shown = file.read_text(encoding="utf-8")
        assert not [character for character in shown if not (character.isprintable() or character.isspace())]
        assert not set("\r\t\v\f\x85\u2028\u2029") & set(shown)
    shutil.rmtree(folder)


def test_recorded_data_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    for name in ("google-mail", "web-series"):
        folder = Path(__file__).resolve().parents[2] / "data" / name
        toolkit.read(folder).to_csv(tmp_path / name)
        for path in folder.rglob("*.*"):
            assert (tmp_path / name / path.relative_to(folder)).read_bytes() == path.read_bytes(), path


LOOK = {
    "date_basis": "undated", "round": "r", "sample": 0, "source": "test", "outcome": "ok",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certificates = schema.frame("certificates", [parse_certificate(der.certificate())])
    Tables.from_frames(schema.frame("observations", [LOOK]), certificates).to_csv(tmp_path)
    return tmp_path


def write(folder: Path, header: str, *lines: str) -> None:
    (folder / "observations.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")


NEEDED = "date_basis,round,sample,source,outcome"


def test_a_name_that_looks_like_pem_stays_a_name(tmp_path: Path) -> None:
    row = parse_certificate(der.certificate(subject=der.name(b"-----BEGIN CERTIFICATE-----")))
    made = toolkit.Tables.from_frames(certificates=schema.frame("certificates", [row]))
    made.to_csv(tmp_path / "made")
    assert_equal(toolkit.read(tmp_path / "made"), made)


def test_columns_that_are_not_there_are_null(folder: Path) -> None:
    write(folder, NEEDED, "undated,r,0,test,ok")
    look = toolkit.read(folder).observations.iloc[0]
    assert look["outcome"] == "ok"
    assert look["host"] is pd.NA


def test_a_table_whose_file_is_not_there_is_empty(folder: Path) -> None:
    (folder / "support.csv").unlink()
    (folder / "rounds.csv").unlink()
    shutil.rmtree(folder / "certificates")
    tables = toolkit.read(folder)
    assert (len(tables.observations), len(tables.support), len(tables.certificates)) == (1, 0, 0)


def test_what_a_spreadsheet_made_of_it_is_read(folder: Path) -> None:
    text = f'\ufeff{NEEDED},is_key_proven,reason\r\n"undated",r,0,test,ok,TRUE,"two\nlines, ""quoted"""\r\n'
    (folder / "observations.csv").write_bytes(text.encode())
    look = toolkit.read(folder).observations.iloc[0]
    assert (look["is_key_proven"], look["reason"]) == (True, 'two\nlines, "quoted"')


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        (f"{NEEDED},colour", "undated,r,0,test,ok,red", r"has no column 'colour'\. Rename or delete it"),
        (f"{NEEDED},host,host", "undated,r,0,test,ok,a,b", r"the column 'host' occurs twice"),
        (NEEDED.replace(",", ";"), "undated;r;0;test;ok", r"has no column 'date_basis;round;"),
        (NEEDED, "undated,r,0,test", r"CSV in UTF-8, or is cut short: .*Row #2: Expected 5 columns, got 4"),
        (NEEDED, "undated,r,0,test,ok,more", r"Row #2: Expected 5 columns, got 6"),
        (NEEDED, "undated,r,one,test,ok", r"row 2: sample cannot be 'one', it is an integer\. Correct the cell"),
        (NEEDED, "undated,r,99999999999999999999,test,ok", r"observations\.sample does not fit Int64"),
        (NEEDED, "undated,r,0,test,fine", r"observations\.outcome may be ok, refused, .* not 'fine'"),
        (NEEDED, "undated,r,,test,ok", r"observations\.sample is null in a row, and it never may be"),
        (f"{NEEDED},observed_at", "observed,r,0,test,ok,2026-01-01", r"observed_at cannot be '2026-01-01'.* zone"),
        (f"{NEEDED},observed_at", "observed,r,0,test,ok,yesterday", r"observed_at cannot be 'yesterday'"),
        (f"{NEEDED},is_key_proven", "undated,r,0,test,ok,yes", r"it is true or false"),
        (f"{NEEDED},chain_sha256", "undated,r,0,test,ok,ab", r"it is a JSON list of text"),
        (f"{NEEDED},chain_sha256", "undated,r,0,test,ok,[1]", r"it is a JSON list of text"),
        (f"{NEEDED},chain_sha256", f"undated,r,0,test,ok,{'[' * 100_000}", r"it is a JSON list of text"),
        (f"{NEEDED},sent_bytes", "undated,r,0,test,ok,0x1", r"it is hexadecimal digits"),
        (f"{NEEDED},connect_ms", "undated,r,0,test,ok,fast", r"it is a number"),
        (f"{NEEDED},reason", f"undated,r,0,test,ok,{'x' * (9 << 20)}", r"is not CSV in UTF-8, or is cut short"),
        (f"{NEEDED},reason", 'undated,r,0,test,ok,"cut', r"is cut short: the quotation mark of its last row"),
        (f"{NEEDED},reason", "undated,r,0,test,ok,a\0b", r"line 2 holds a NUL byte: the file is damaged"),
        (NEEDED.replace(",", ";"), "undated;r;0;test;ok", r"Save the file with commas in place of ';'"),
        (NEEDED.replace(",", "\t"), "undated\tr\t0\ttest\tok", r"Save the file with commas in place of '\\t'"),
        (f"{NEEDED},host,", "undated,r,0,test,ok,a,", r"line 1: observations has no column ''"),
        ("round,sample", "r,0", r"observations\.date_basis is null in a row"),
        ("", "", r"is not CSV"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(folder: Path, header: str, line: str, message: str) -> None:
    write(folder, header, line)
    with pytest.raises(ReadError, match=message) as caught:
        toolkit.read(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("encoding", "message"),
    [("utf-16", " is in UTF-16"), ("utf-16-le", ", line 1 holds a NUL byte"), ("latin-1", ", line 2 is not UTF-8")],
)
def test_another_encoding_is_refused(folder: Path, encoding: str, message: str) -> None:
    (folder / "observations.csv").write_bytes(f"{NEEDED},host\nundated,r,0,test,ok,é\n".encode(encoding))
    with pytest.raises(ReadError, match=rf"observations\.csv{message}"):
        toolkit.read(folder)


@pytest.mark.parametrize("cut", [b"observed_at,servic\xe9\n,x\n", b"round,\xff\xfe\n", b"\xc3,round\n1,2\n"])
def test_a_header_that_is_not_utf_8_is_refused_with_its_line(folder: Path, cut: bytes) -> None:
    (folder / "observations.csv").write_bytes(cut)
    with pytest.raises(ReadError, match=r"observations\.csv, line 1 is not UTF-8 \(.*Save it as CSV in UTF-8"):
        toolkit.read(folder)


def test_a_character_of_several_bytes_may_lie_where_the_file_is_read_in_parts(folder: Path) -> None:
    for shift in range(3):
        reason = "x" * ((1 << 20) - len(f"{NEEDED},reason\nundated,r,0,test,ok,") - shift) + "名" * 3
        write(folder, f"{NEEDED},reason", f"undated,r,0,test,ok,{reason}")
        assert toolkit.read(folder).observations["reason"].tolist() == [reason]


def test_a_last_row_cut_at_any_point_is_noticed(folder: Path) -> None:
    whole = (folder / "observations.csv").read_bytes()
    for cut in range(1, len(whole) - len(whole.splitlines()[-1]) + 60):
        (folder / "observations.csv").write_bytes(whole[:-cut])
        if whole[:-cut].count(b"\n") == 1 and whole[:-cut].endswith(b"\n"):
            continue  # cut between two rows: a whole file with fewer rows
        with pytest.raises(ReadError):
            toolkit.read(folder)


def test_a_certificate_under_another_name_is_refused(folder: Path) -> None:
    (path,) = (folder / "certificates").glob("*.pem")
    path.write_text(as_pem(der.certificate(serial=der.integer(9))))
    with pytest.raises(ReadError, match=rf"{path.name} holds the certificate [0-9a-f]{{64}}: it was damaged"):
        toolkit.read(folder)


def test_two_certificates_in_one_file_are_refused(folder: Path) -> None:
    (path,) = (folder / "certificates").glob("*.pem")
    path.write_text(path.read_text() * 2)
    with pytest.raises(ReadError, match="holds 2 certificates where one is due"):
        toolkit.read(folder)


def test_a_certificate_cut_in_half_is_named(folder: Path) -> None:
    (path,) = (folder / "certificates").glob("*.pem")
    path.write_text(path.read_text()[:300])
    with pytest.raises(ReadError, match=rf"{path.name}, line \d+: .* cut short"):
        toolkit.read(folder)


def test_what_stands_around_a_certificate_changes_nothing(folder: Path) -> None:
    (path,) = (folder / "certificates").glob("*.pem")
    path.write_text("subject: CN=somebody else\nnot_after: 2099-01-01\n" + as_pem(der.certificate()))
    assert toolkit.read(folder).certificates["subject"].tolist() == ["CN=subject.test"]
