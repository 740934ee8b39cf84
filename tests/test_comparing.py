"""The verdicts of OpenSSL and `cryptography` next to ours: the cases, those that cannot be judged, and hostile chains.

That the verdicts are right, chain by chain, is tested with the broken chains in `tests/analyse/test_trust.py`.
"""

import datetime as dt
import subprocess
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography import x509

import toolkit
from tests.analyse.trust.broken_chains import LEAF, MIDDLE, OTHER_ROOT, ROOT, all_cases, mesh
from tests.analyse.trust.minted import BEGINS, ENDS, HOST, TODAY, mint_ca, mint_leaf, served
from tests.conftest import ROOT as ROOT_FOLDER, need, not_on_windows
from toolkit import Tables, comparing
from toolkit.columns import dtypes
from toolkit.comparing import COMPARED, compare_verifiers
from toolkit.errors import ReadWarning, UsageError
from toolkit.reference.roots import bundles, load_roots
from toolkit.tables import as_pem

CHAIN = (LEAF.der, MIDDLE.der)
SECOND = dt.timedelta(seconds=1)


def compared(tables: Tables, roots: tuple[bytes, ...] = (ROOT.der,), **asked: Any) -> pd.DataFrame:
    need("openssl")
    frame = compare_verifiers(tables, roots=roots, **({"as_of": TODAY} | asked))
    assert frame.dtypes.astype(str).to_dict() == dtypes(COMPARED)
    return frame


def said(frame: pd.DataFrame) -> list[str | None]:
    """Ours, OpenSSL's, cryptography's, of the only row."""
    assert len(frame) == 1
    row = frame.iloc[0]
    verdicts = [row[name] for name in ("verdict", "openssl_verdict", "cryptography_verdict")]
    return [None if pd.isna(verdict) else verdict for verdict in verdicts]


def look(chain: tuple[bytes, ...] = CHAIN, **changes: Any) -> Tables:
    tables = served(chain)
    return Tables.from_frames(tables.observations.assign(**changes), tables.certificates)


def test_there_is_a_row_for_each_of_verify_chains() -> None:
    tables = served(CHAIN)
    frame = compared(tables, as_of=[BEGINS, TODAY, ENDS + SECOND])
    ours = toolkit.verify_chains(tables, roots=[ROOT.der], as_of=[BEGINS, TODAY, ENDS + SECOND])
    shared = [name for name in dtypes(COMPARED) if name in ours]
    pd.testing.assert_frame_equal(frame[shared], ours[shared])
    assert frame["openssl_verdict"].tolist() == ["trusted", "trusted", "untrusted"]
    assert frame["cryptography_verdict"].tolist() == ["trusted", "trusted", "untrusted"]
    assert frame["openssl_reason"].iloc[2] == "depth 0: certificate has expired"
    assert "not valid at validation time" in frame["cryptography_reason"].iloc[2]
    assert frame["is_agreed"].all()
    assert toolkit.compare_verifiers is compare_verifiers


def test_each_look_is_judged_at_its_own_instant() -> None:
    parts = [served(CHAIN, when=when) for when in (TODAY, ENDS + SECOND)]
    looks = pd.concat([part.observations for part in parts], ignore_index=True).assign(sample=[0, 1])
    frame = compared(Tables.from_frames(looks, parts[0].certificates), as_of="observed")
    assert frame["verdict"].tolist() == ["trusted", "untrusted"]
    assert frame["openssl_verdict"].tolist() == ["trusted", "untrusted"]
    assert frame["cryptography_verdict"].tolist() == ["trusted", "untrusted"]


def test_an_unknown_root_is_untrusted_to_them_and_unknown_to_us() -> None:
    frame = compared(served(CHAIN), roots=(OTHER_ROOT.der,))
    assert said(frame) == ["unknown", "untrusted", "untrusted"]
    assert frame["is_agreed"].all()


def test_held_intermediates_are_given_to_both(tmp_path: Path) -> None:
    unrecorded = served([LEAF.der], is_recorded=False, held=[MIDDLE.der])
    assert said(compared(unrecorded, intermediates="held")) == ["trusted", "trusted", "trusted"]
    without = served([LEAF.der], held=[MIDDLE.der])
    assert said(compared(without, intermediates="held")) == ["trusted", "trusted", "trusted"]
    assert said(compared(without)) == ["untrusted", "untrusted", "untrusted"]
    (tmp_path / "middle.pem").write_text(as_pem(MIDDLE.der))
    assert said(compared(served([LEAF.der]), intermediates=tmp_path / "middle.pem")) == ["trusted"] * 3
    (tmp_path / "damaged.pem").write_text(as_pem(MIDDLE.der) + as_pem(b"junk"))
    with pytest.warns(ReadWarning) as warned:
        compared(served([LEAF.der]), intermediates=tmp_path / "damaged.pem")
    assert len(warned) == 1, "the file is read once"


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (served([LEAF.der], is_recorded=False), "the chain was not recorded as served"),
        (look(host=None, server_name=None, service=None), "no name was asked for"),
        (look(server_name=""), "no name was asked for"),
        (look(server_name=".example.test"), "the name asked for is not a host name"),
        (Tables.from_frames(served(CHAIN).observations, served(CHAIN[1:]).certificates), "not in the tables"),
        (served([LEAF.der, *(MIDDLE.der + bytes([n // 256, n % 256]) for n in range(1_000))]), "1,001 certificates"),
        (served([LEAF.der, MIDDLE.der + bytes(1 << 24)]), "bytes, and at most"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_judged_is_null_with_the_reason(tables: Tables, reason: str) -> None:
    frame = compared(tables)
    assert said(frame)[1:] == [None, None]
    assert reason in frame["openssl_reason"].iloc[0]
    assert reason in frame["cryptography_reason"].iloc[0]
    assert frame["is_agreed"].isna().all()


def test_an_undated_look_cannot_be_judged() -> None:
    frame = compared(served(CHAIN, when=None), as_of="observed")
    assert said(frame) == ["unknown", None, None]
    assert frame["openssl_reason"].tolist() == ["it is not dated precisely enough; as_of= chooses an instant"]


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mx.example.test.", ["trusted", "trusted", "trusted"]),  # the root of the DNS is stripped (RFC 6066)
        ("-help", ["untrusted", "untrusted", None]),
        ("a\nerror 0 at 0 depth lookup: x", ["untrusted", None, None]),
        ("mü.example.test", ["untrusted", "untrusted", "untrusted"]),
        ("x" * 300_000, ["untrusted", None, None]),
        ("mx\0.example.test", ["untrusted", None, None]),
    ],
    ids=["dot", "option", "lines", "not ASCII", "longer than an argument", "NUL"],
)
def test_odd_names(name: str, theirs: list[str | None]) -> None:
    frame = compared(look(server_name=name))
    assert said(frame) == theirs
    assert frame["openssl_reason"].fillna("").str.len().max() <= comparing.MOST_TEXT
    assert frame["cryptography_reason"].fillna("").str.len().max() <= comparing.MOST_TEXT


def test_ten_thousand_intermediates_of_which_few_are_distinct() -> None:
    others = [mint_ca(f"CA {n}", ROOT, key_name="shared").der for n in range(50)]
    junk = [b"\x30\x03\x02\x01" + bytes([n % 256]) for n in range(256)]
    assert said(compared(served([LEAF.der, *(others * 200), MIDDLE.der]))) == ["trusted", "trusted", "trusted"]
    assert said(compared(served([LEAF.der, *(junk * 40), MIDDLE.der]))) == ["trusted", "trusted", None]


def test_loops_and_unreadable_certificates_come_to_an_end() -> None:
    cases = {case.label: case for case in all_cases()}
    loop, way_out = cases["a loop"], cases["a loop with a way out"]
    assert said(compared(served(loop.chain), roots=loop.roots)) == ["unknown", "untrusted", "untrusted"]
    assert said(compared(served(way_out.chain), roots=way_out.roots)) == ["trusted", "trusted", "trusted"]
    cut = compared(served([LEAF.der[:-9], MIDDLE.der]))
    assert said(cut) == ["unknown", None, None]
    assert cut["openssl_reason"].iloc[0].startswith("openssl verify ended with status 2: Could not read")
    assert "served certificate 1: it cannot be read" in cut["cryptography_reason"].iloc[0]


def test_a_mesh_of_cross_certificates_is_bounded() -> None:
    assert said(compared(served(mesh())))[1:] == ["untrusted", "untrusted"]


def test_addresses_are_compared_as_addresses() -> None:
    leaf = mint_leaf(MIDDLE, names=[x509.DNSName(HOST), x509.IPAddress(ip_address("2001:db8::7"))])
    for host, expected in (("2001:db8::7", "trusted"), ("2001:db8::8", "untrusted")):
        assert said(compared(served([leaf.der, MIDDLE.der], host=host))) == [expected] * 3


def test_the_store_of_the_system_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.pem"
    store.write_text(as_pem(ROOT.der))
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    plain = [need("openssl"), "verify", "-attime", str(int(TODAY.timestamp())), "-untrusted", str(store), str(store)]
    assert subprocess.run(plain, capture_output=True, check=False).returncode == 0, "the system trusts it"
    assert said(compared(served(CHAIN), roots=(OTHER_ROOT.der,)))[1] == "untrusted"


def test_without_openssl_cryptography_still_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    row = compare_verifiers(served(CHAIN), roots=[ROOT.der], as_of=TODAY).iloc[0]
    assert pd.isna(row["openssl_verdict"])
    assert row["openssl_reason"] == "there is no program openssl on PATH"
    assert (row["verdict"], row["cryptography_verdict"], row["is_agreed"]) == ("trusted", "trusted", True)


@not_on_windows("scripts that run as programs by their first line")
def test_another_program_of_that_name_gives_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "openssl"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "verify: unknown option -purpose $last" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    row = compare_verifiers(served(CHAIN), roots=[ROOT.der], as_of=TODAY).iloc[0]
    assert pd.isna(row["openssl_verdict"])
    assert row["openssl_reason"] == "openssl verify ended with status 1: verify: unknown option -purpose leaf"


def test_an_openssl_that_does_not_end_gives_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    need("openssl")
    monkeypatch.setattr(subprocess, "run", hang)
    row = compare_verifiers(served(CHAIN), roots=[ROOT.der], as_of=TODAY).iloc[0]
    assert pd.isna(row["openssl_verdict"])
    assert row["openssl_reason"] == "openssl verify took longer than 30 s"


def test_each_case_is_judged_once_and_no_file_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runs: list[list[str]] = []
    real = subprocess.run

    def counted(command: list[str], **settings: Any) -> "subprocess.CompletedProcess[str]":
        runs.append(command)
        return real(command, **settings)

    monkeypatch.setattr(subprocess, "run", counted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    looks = pd.concat([served(CHAIN).observations.assign(service=f"smtp://{HOST}:{port}") for port in (25, 465, 587)])
    frame = compared(Tables.from_frames(looks, served(CHAIN).certificates))
    assert frame["openssl_verdict"].tolist() == ["trusted"] * 3
    assert len(runs) == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_errors_and_no_looks_give_an_empty_frame() -> None:
    with pytest.raises(UsageError, match="at least one certificate"):
        compare_verifiers(served(CHAIN), roots=[])
    with pytest.raises(UsageError, match="as_of='today'"):
        compare_verifiers(served(CHAIN), roots=[ROOT.der], as_of="today")  # type: ignore[arg-type]  # what is tested
    assert compared(Tables.from_frames()).empty


def test_recorded_chains_differ_where_sha_1_was_still_right() -> None:
    recorded = toolkit.read(ROOT_FOLDER / "data/google-mail")
    roots = tuple({der for bundle in bundles() for der in load_roots(bundle)})
    frame = compared(recorded, roots=roots, as_of="observed", intermediates="held")
    differs = frame[frame["is_agreed"].eq(False).fillna(False)]
    assert sorted(differs["verdict_from_at"].dt.year) == [2014, 2014]
    assert set(differs["verdict"]) == set(differs["openssl_verdict"]) == {"trusted"}
    assert differs["cryptography_reason"].str.contains("Forbidden signature algorithm").all()
    assert differs["cryptography_reason"].str.contains("RsaWithSha1").all()
