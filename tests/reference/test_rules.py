"""Policy files: rows have source and date, Mozilla's are as its editions have them, bad files are refused."""

import csv
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT, not_on_windows
from toolkit.errors import ReadError, UsageError
from toolkit.reference import find_suite, suites
from toolkit.reference.rules import COLUMNS, load_policy, policies, read_rules, validity_caps

ROW = dict.fromkeys(COLUMNS, "x") | {
    "level": "must", "subject": "cipher", "test": "not_among", "value": "RC4", "since": "2015-02-01", "until": "",
    "dated_by": "observed",
}  # fmt: skip


def test_every_rule_names_document_section_date_and_how_it_is_known() -> None:
    for name, rules in policies().items():
        for rule in rules:
            assert rule.authority
            assert rule.url.startswith("https://")
            assert rule.date_basis
            assert rule.since is not None, name
            assert rule.until is None or (rule.since is not None and rule.since < rule.until)


def test_editions_of_a_rule_follow_each_other_without_overlap() -> None:
    for name, rules in policies().items():
        if name == "google-help":
            continue
        for rule in rules:
            later = [
                other for other in rules if other.rule == rule.rule and other is not rule and other.since and rule.since
            ]
            for other in later:
                assert other.since is not None
                assert rule.since is not None
                if other.since > rule.since:
                    assert rule.until is not None
                    assert rule.until <= other.since, (name, rule.rule)


def test_what_rules_name_exists() -> None:
    names = {suite.name for suite in suites().values()}
    ciphers = {suite.cipher for suite in suites().values()}
    exchanges = {suite.key_exchange for suite in suites().values()}
    for rules in policies().values():
        for rule in rules:
            known = {"suite": names, "cipher": ciphers, "key_exchange": exchanges}.get(rule.subject)
            if known:
                assert {value.partition("=")[0] for value in rule.value} <= known, rule


def test_the_caps_follow_each_other() -> None:
    caps = validity_caps()
    assert [cap.days for cap in caps] == [825, 398, 200, 100, 47]
    assert all(cap.until == following.since for cap, following in itertools.pairwise(caps))
    assert [f"{cap.since:%Y-%m-%d}" for cap in caps[2:]] == ["2026-03-15", "2027-03-15", "2029-03-15"]
    assert caps[-1].until is None


def test_mozilla_is_as_its_editions_have_it(shared: Path) -> None:
    with (shared / "reference/mozilla/dates.csv").open(encoding="utf-8") as file:
        dates = {row["version"]: row["date"] for row in csv.DictReader(file)}
    rules = policies()["mozilla-intermediate"]
    assert {rule.edition for rule in rules} == set(dates) - {"5.8"}, "5.8 and 6.0 came on the same day"
    for rule in rules:
        assert rule.since == datetime.fromisoformat(dates[rule.edition]).replace(tzinfo=UTC)
    guideline = json.loads((shared / "reference/mozilla/4.0.json").read_text(encoding="utf-8"))
    listed = guideline["configurations"]["intermediate"]["ciphersuites"]
    allowed = next(rule for rule in rules if rule.edition == "4.0" and rule.subject == "suite").value
    assert allowed == tuple(suite.name for name in listed if (suite := find_suite(name)))
    assert len(allowed) == len(listed)


def test_mozilla_csv_is_what_the_script_makes(shared: Path, tmp_path: Path) -> None:
    made = tmp_path / "mozilla.csv"
    command = [sys.executable, str(ROOT / "data/make_policies.py"), str(shared / "reference/mozilla"), str(made)]
    subprocess.run(command, check=True, timeout=60)
    assert made.read_bytes() == (ROOT / "toolkit/reference/policies/mozilla.csv").read_bytes()


def _written(tmp_path: Path, *rows: dict[str, str]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "mine.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_a_file_of_the_users_is_read(tmp_path: Path) -> None:
    (rule,) = read_rules(_written(tmp_path, ROW))
    assert (rule.value, rule.since, rule.until) == (("RC4",), datetime(2015, 2, 1, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": "colour"}, r"mine.csv, line 2: subject 'colour' is not known"),
        ({"test": "at_least"}, r"test 'at_least' is not a test of cipher"),
        ({"level": "perhaps"}, r"level 'perhaps' is not known"),
        ({"dated_by": "moon"}, r"dated_by 'moon' is not known"),
        ({"since": "2015-02-30"}, r"since '2015-02-30' is not a date"),
        ({"value": ""}, r"value '' cannot be used: not_among of cipher needs a value"),
        ({"value": "rc4"}, r"'rc4' is not a known cipher\. Did you mean 'RC4'\? Known: 3DES, "),
        ({"value": "RC4; RC4"}, r"it repeats a part"),
        ({"value": "RC4;"}, r"a part of it is empty"),
        ({"subject": "protocol", "value": "TLSv1.0"}, r"'TLSv1.0' is not a known protocol\. Did you mean 'TLS 1.0'\?"),
        ({"subject": "suite", "test": "among", "value": "FOO"}, r"'FOO' is not a known suite\. \d+ are known"),
        ({"subject": "group", "test": "among", "value": "P-256"}, r"'P-256' is not a known group"),
        ({"subject": "key_exchange", "value": "rsa"}, r"'rsa' is not a known key exchange\. Did you mean 'RSA'\?"),
        ({"subject": "key_type", "test": "among", "value": "ECDSA"}, r"'ECDSA' is not a known key type"),
        ({"subject": "key_curve", "test": "among", "value": "prime256v1"}, r"'prime256v1' is not a known key curve"),
        ({"subject": "signature_hash", "value": "SHA-1"}, r"not a known signature hash\. Did you mean 'SHA1'"),
        ({"subject": "signature_algorithm", "test": "among", "value": "sha256"}, r"not a known signature algorithm"),
        ({"subject": "protocol", "test": "highest", "value": "TLS 1.2"}, r"level 'must' does not go with highest"),
        ({"level": "claim"}, r"level 'claim' is now called 'statement'"),
        ({"level": "statement"}, r"level 'statement' does not go with not_among"),
        ({"level": "statement", "subject": "protocol", "test": "highest", "value": "TLS 9"}, r"not a known protocol"),
        ({"level": "statement", "test": "accepted", "value": "AES=129"}, r"not a known cipher with its key bits"),
        ({"level": "statement", "test": "accepted", "value": "AES=128; AES=256"}, r"takes one value"),
        (
            {"level": "statement", "subject": "issuer", "test": "rooted_in", "value": "R2"},
            r"not an attribute of a name",
        ),
        ({"until": "2015-02-01"}, r"until '2015-02-01' is not after since, 2015-02-01"),
        ({"dated_by": "issued"}, r"dated_by 'issued' does not go with cipher"),
        ({"subject": "serial", "test": "octets_at_most", "value": "20; 30"}, r"takes one value"),
        ({"subject": "strength_bits", "test": "at_least", "value": "112; 128"}, r"takes one value"),
        ({"subject": "strength_bits", "test": "at_least", "value": "many"}, r"'many' is not a number"),
        ({"subject": "key_bits", "test": "at_least", "value": "2048"}, r"'2048' is not written like RSA=2048"),
        ({"subject": "key_bits", "test": "at_least", "value": "RSA=2048; RSA=1024"}, r"it repeats a part"),
        ({"subject": "validity", "test": "encoded", "value": "1950-2049"}, r"encoded takes no value"),
        ({"subject": "lifetime", "test": "at_most", "value": "99999999999 days"}, r"longer than a hundred years"),
        ({"subject": "lifetime", "test": "at_most", "value": "0 days"}, r"not written like 398 days"),
        ({"subject": "lifetime", "test": "at_most", "value": "many days"}, r"value 'many days' cannot be used"),
        ({"subject": "lifetime", "test": "at_most", "value": "398"}, r"value '398' cannot be used"),
        ({"subject": "names", "test": "present", "value": "x"}, r"value 'x' cannot be used: present takes no value"),
        ({"subject": "key_bits", "test": "at_least", "value": "RSA=big"}, r"value 'RSA=big' cannot be used"),
        ({"authority": ""}, r"authority '' is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read_rules(_written(tmp_path, ROW | change))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("edition", "issue", 1),
        lambda text: text + "a,b\n",
        lambda text: text.splitlines()[0],
        lambda _: "",
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = _written(tmp_path, ROW)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ReadError, match=r"mine\.csv"):
        read_rules(path)


def test_a_file_that_is_not_text_is_named_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ReadError, match="Give a CSV file in UTF-8") as refused:
        read_rules(path)
    assert str(path) in str(refused.value)
    assert "Install" not in str(refused.value)


def test_a_policy_is_a_name_a_path_or_rules(tmp_path: Path) -> None:
    path = _written(tmp_path, ROW)
    assert load_policy(path) == load_policy(str(path)) == load_policy(read_rules(path))
    for wrong in (None, 3, ["ietf", 3], [["ietf"]], "nothing"):
        with pytest.raises(UsageError, match="ietf, lets-encrypt, lets-encrypt-tlsserver, mozilla-intermediate"):
            load_policy(wrong)  # type: ignore[arg-type]
    for missing in (tmp_path / "nothing.csv", "nothing.csv", "rules/nothing"):
        with pytest.raises(UsageError, match=r"policy: the file .*nothing.* does not exist"):
            load_policy(missing)
    with pytest.raises(UsageError, match=r"Did you mean 'ietf'\?"):
        load_policy("iefts")
    with pytest.raises(UsageError, match=r"there are no rules in it\. Name a policy: apple, baseline, "):
        load_policy([])


def test_a_policy_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, ROW)
    for again in (["ietf", "nist", "ietf"], [path, str(path)]):
        with pytest.raises(UsageError, match="is given more than once: give each policy once"):
            load_policy(again)  # type: ignore[arg-type]


def test_several_policies_are_joined_without_repeats(tmp_path: Path) -> None:
    path = _written(tmp_path, ROW)
    joined = load_policy(["ietf", path, *policies()["ietf"]])
    assert joined == (*policies()["ietf"], *read_rules(path))


@not_on_windows("named pipes")
def test_rules_come_from_a_regular_file_of_bounded_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ReadError, match="is a named pipe, and only regular files are read"):
        read_rules(tmp_path / "pipe.csv")
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ReadError, match="has 1,073,741,824 bytes"):
        read_rules(tmp_path / "large.csv")
