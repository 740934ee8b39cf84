"""The lab's certificates: the same bytes for the same seed, sound for OpenSSL, and rows that say what they are."""

import subprocess
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.lab.schedules import BEGIN, backend, day, issue, schedule
from toolkit.certificates import parse_certificate
from toolkit.errors import LabError
from toolkit.lab import Schedule, Service, scenario
from toolkit.lab.authority import authorities, issue_all, pem_file, roots
from toolkit.lab.keys import RSA_KEYS, ec_key, rsa_key
from toolkit.tables import as_pem


def test_every_rsa_key_is_one_by_the_checks_of_openssl() -> None:
    for number in range(RSA_KEYS):
        key = rsa_key(number).private_numbers().private_key()  # raises where p or q is not prime
        assert key.key_size == 2048
        assert key.public_key().public_numbers().e == 65537


def test_keys_differ_by_number_and_by_use() -> None:
    moduli = {rsa_key(number).public_key().public_numbers().n for number in range(RSA_KEYS)}
    points = {ec_key(use, number).public_key().public_numbers() for use in ("leaf", "authority") for number in range(9)}
    assert len(moduli) == RSA_KEYS
    assert len(points) == 18


def test_a_key_that_the_lab_does_not_have_is_an_error_with_a_way_out() -> None:
    with pytest.raises(LabError, match="key type EC"):
        rsa_key(RSA_KEYS)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    drawn = scenario("dual-keys").schedule(5)
    issue_all.cache_clear()
    first = [issued.der for issued in issue_all(drawn, 5)]
    issue_all.cache_clear()
    assert [issued.der for issued in issue_all(drawn, 5)] == first
    assert not {issued.der for issued in issue_all(drawn, 6)} & set(first)


@pytest.mark.parametrize("name", ["year", "dual-keys", "issuer-move"])
def test_rows_say_what_our_own_parser_reads(name: str) -> None:
    drawn = scenario(name).schedule(1)
    for issued in (*issue_all(drawn, 1), *authorities().values()):
        parsed = parse_certificate(issued.der)
        assert parsed.pop("parse_error") is None
        assert issued.row == {key: value for key, value in parsed.items() if key in issued.row}
        assert set(parsed) - set(issued.row) == set()
        assert "lab" in str(issued.row["subject"])


def test_key_types_and_curves_are_those_asked_for() -> None:
    drawn = scenario("dual-keys").schedule(1)
    for planned, issued in zip(drawn.issues, issue_all(drawn, 1), strict=True):
        assert isinstance(issued.key, rsa.RSAPrivateKey if planned.key_type == "RSA" else ec.EllipticCurvePrivateKey)
        assert (issued.row["not_before"], issued.row["not_after"]) == (planned.not_before, planned.not_after)
        assert issued.row["names"] == planned.names


def test_key_reuse_is_one_key_in_several_certificates() -> None:
    reused = issue_all(scenario("steady", reuse_key=True).schedule(1), 1)
    fresh = issue_all(scenario("steady").schedule(1), 1)
    assert len({issued.row["spki_sha256"] for issued in reused}) == 1
    assert len({issued.row["spki_sha256"] for issued in fresh}) == len(fresh)
    assert len({issued.sha256 for issued in reused}) == len(reused)


def test_openssl_accepts_every_chain_within_its_validity(need: Callable[[str], str], tmp_path: Path) -> None:
    openssl = need("openssl")
    (tmp_path / "roots.pem").write_text("".join(map(as_pem, roots())))
    for name in ("dual-keys", "issuer-move"):
        drawn = scenario(name).schedule(2)
        for planned, issued in zip(drawn.issues, issue_all(drawn, 2), strict=True):
            (tmp_path / "leaf.pem").write_text(as_pem(issued.der))
            (tmp_path / "above.pem").write_text("".join(map(as_pem, issued.chain[1:])))
            command = [openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "mx.lab.test"]
            command += ["-CAfile", str(tmp_path / "roots.pem"), "-untrusted", str(tmp_path / "above.pem")]
            at = ["-attime", str(int(planned.not_before.timestamp()))]
            answer = subprocess.run(
                [*command, *at, str(tmp_path / "leaf.pem")], capture_output=True, text=True, timeout=20, check=False
            )
            assert answer.returncode == 0, answer.stderr
            after = ["-attime", str(int(planned.not_after.timestamp()) + 1)]
            answer = subprocess.run(
                [*command, *after, str(tmp_path / "leaf.pem")], capture_output=True, text=True, timeout=20, check=False
            )
            assert "certificate has expired" in answer.stderr


@pytest.mark.parametrize(
    ("chain", "length", "trusted"),
    [
        ("whole", 2, [True, False]),
        ("crossed", 2, [False, True]),
        ("rooted", 3, [True, False]),
        ("bare", 1, [False] * 2),
    ],
)
def test_openssl_follows_a_chain_to_the_root_that_it_leads_to(
    chain: str, length: int, trusted: list[bool], need: Callable[[str], str], tmp_path: Path
) -> None:
    for key_type in ("RSA", "EC"):
        both = tuple(replace(issue(0, key_type), chain=one) for one in ("whole", chain))
        service = Service("smtp", "mx.lab.test", (backend((0, 0), key_type=key_type),))
        whole, other = issue_all(Schedule("by hand", BEGIN, day(9), both, (service,)), 0)
        assert other.der == whole.der
        assert len(other.chain) == length
        (tmp_path / "leaf.pem").write_text(as_pem(other.der))
        (tmp_path / "above.pem").write_text("".join(map(as_pem, other.chain[1:])))
        accepted = []
        for root in roots():
            (tmp_path / "root.pem").write_text(as_pem(root))
            above = ["-untrusted", str(tmp_path / "above.pem")] if length > 1 else []
            command = [need("openssl"), "verify", "-x509_strict", "-attime", str(int(BEGIN.timestamp()))]
            command += ["-CAfile", str(tmp_path / "root.pem"), *above, str(tmp_path / "leaf.pem")]
            accepted.append(subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0)
        assert accepted == trusted


def test_issuing_warns_of_nothing_and_leaves_no_file() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        issued = issue_all(schedule(backend((0, 0))), 0)[0]
        with pem_file(issued) as name:
            assert Path(name).read_text().count("BEGIN CERTIFICATE") == 2
        assert not Path(name).exists()
