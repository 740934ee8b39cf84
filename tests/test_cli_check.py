"""`tls-toolkit check`: what it says of recorded and of minted looks, and the exit code it ends with."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.analyse.made import certificate, look, now, tables
from tests.analyse.trust.minted import TODAY, Minted, mint_ca, mint_leaf, served
from tests.certificates import der
from tests.conftest import ROOT
from toolkit import checking
from toolkit.certificates import parse_certificate
from toolkit.cli import main
from toolkit.columns import dtypes
from toolkit.reference.rules import COLUMNS, policies
from toolkit.tables import as_pem

README = (ROOT / "README.md").read_text(encoding="utf-8")
GOOGLE = str(ROOT / "data" / "google-mail")
SHOWN = ["check", GOOGLE, "--as-of", "2016-02-11"]


def asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """The exit code, and what `--json` says."""
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def chain() -> tuple[Minted, Minted]:
    """A root and a leaf of 2026-01-01 to 2026-03-31."""
    root = mint_ca("root")
    return mint_leaf(root), root


def kept(folder: Path, kept_tables: toolkit.Tables) -> str:
    kept_tables.to_csv(folder / "looks")
    return str(folder / "looks")


def trusting(folder: Path, *roots: Minted) -> list[str]:
    (folder / "roots.pem").write_text("".join(as_pem(root.der) for root in roots))
    return ["--roots", str(folder / "roots.pem")]


def test_recorded_mail_by_mozillas_rules_of_2016(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = asked([*SHOWN, "--policy", "mozilla-intermediate", "--history"], capsys)
    assert code == 1
    assert (said["now"], said["as_of"]) == ("2016-02-11T00:00:00+00:00", "2016-02-11T00:00:00+00:00")
    rows = pd.DataFrame(said["checks"])
    mozilla = rows[rows["check"] == "mozilla-intermediate"]
    is_of = {verdict: set(mozilla.loc[mozilla["verdict"] == verdict, "found"]) for verdict in ("falls short", "meets")}
    # Edition 4.0 has neither RC4 nor SSL 3.0 in its intermediate list, but still TLS 1.0 and 3DES.
    assert {"TLS_RSA_WITH_RC4_128_MD5", "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "SSL 3.0"} <= is_of["falls short"]
    assert {"TLS 1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"} <= is_of["meets"]
    assert not {"TLS 1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"} & is_of["falls short"]
    assert set(mozilla.loc[mozilla["verdict"] == "falls short", "rule_from_at"]) == {"2016-02-11T00:00:00+00:00"}
    assert said["findings"] == int(rows["is_finding"].eq(True).sum()) > 20
    assert said["unknown"] == int(rows["is_finding"].isna().sum()) > 0


def test_recorded_mail_in_words_and_in_the_readme(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    words = "check google-mail --as-of 2016-02-11 --policy mozilla-intermediate"
    assert main(words.split()) == 1
    out = capsys.readouterr().out
    (sample,) = re.findall(rf"\$ \S*tls-toolkit {words}\n(.*?)```", README, re.S)
    for part in sample.split("…\n"):
        assert part in out
    text = " ".join(out.split())
    assert (
        "Judged by the rules of 2016-02-11 00:00 UTC; days counted from 2016-02-11 00:00 UTC; roots: certifi." in text
    )
    assert "falls short: smtp://smtp.gmail.com:587 (high; a rule since 2016-02-11) TLS_RSA_WITH_RC4_128_SHA" in text
    assert "In service: the last observations since 2015-11-12, and the last surveys since 2015-09-08." in text
    assert "The newest row is of 2015-12-17, 55 days earlier." in text
    assert "support 13, 147, 281, 417" in text
    assert "TLS_RSA_WITH_3DES_EDE_CBC_SHA" in text
    assert re.search(
        r"expiring: smtp://smtp.gmail.com:587 \(medium\) RSA certificate \w{12} ends 2016-03-09 00:00, 27.0 days", text
    )
    assert text.count("unknown, 6 services: last observed before 2015-11-12") == 5


def test_without_as_of_each_row_has_its_own_day(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", GOOGLE, "--policy", "mozilla-intermediate", "--now", "2026-01-01", "--history"]
    code, said = asked(words, capsys)
    rows = pd.DataFrame(said["checks"])
    old = rows[(rows["check"] == "mozilla-intermediate") & (rows["last_at"].fillna("9") < "2008")]
    assert len(old) >= 2
    assert set(old["verdict"]) == {"unknown"}
    assert set(old["reason"]) == {"no such rule before 2016-02-11"}
    assert (code, said["findings"]) == (0, 0)
    assert said["as_of"] == "observed"


@pytest.mark.parametrize("form", ["folder", "store"])
def test_the_evidence_is_chosen_by_since_and_until_and_the_rules_by_as_of(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = ("2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01")
    looks = [look("aa", day, protocol="TLS 1.0", suite="TLS_RSA_WITH_RC4_128_SHA") for day in days]
    given = tables(looks, [certificate("aa", "2025-01-01", "2026-12-31")])
    if form == "store":
        source = str(tmp_path / "store")
        toolkit.Store(source).append(given)
    else:
        minted = mint_leaf(mint_ca("root"))
        looks = [row | {"leaf_sha256": minted.sha256} for row in looks]
        source = kept(tmp_path, tables(looks, [parse_certificate(minted.der)]))
    words = ["check", source, "--policy", "ietf", "--as-of", "2026-06-01", "--history"]

    def seen(*limits: str) -> list[str]:
        _, said = asked([*words, *limits], capsys)
        (row,) = [row for row in said["checks"] if row["rule"] == "rc4"]
        return [row["first_at"][:10], row["last_at"][:10], row["verdict"]]

    assert seen() == [days[0], days[3], "falls short"]
    assert seen("--since", "2026-01-01", "--until", "2026-02-01") == [days[1], days[2], "falls short"]
    assert seen("--until", "2026-01-01") == [days[0], days[0], "falls short"]
    assert main([*words, "--since", "2026-02-02"]) == 3
    assert "no look in that time got an answer" in capsys.readouterr().err
    assert main([*words, "--since", "2026-02-01"]) == 1
    assert "Observations since 2026-02-01 00:00 UTC. Judged" in " ".join(capsys.readouterr().out.split())


def test_the_recorded_scan_of_2015_is_judged_by_its_own_day(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", GOOGLE, "--policy", "ietf", "--since", "2015-06-01", "--until", "2016-01-01", "--history"]
    code, said = asked(words, capsys)
    assert code == 1
    assert {said["since"], said["until"]} == {"2015-06-01T00:00:00+00:00", "2016-01-01T00:00:00+00:00"}
    short = [row for row in said["checks"] if row["rule"] == "rc4" and row["verdict"] == "falls short"]
    assert {row["service"] for row in short} == {"smtp://smtp.gmail.com:587"}
    assert {row["rule_from_at"][:10] for row in short} == {"2015-02-01"}


def test_googles_page_statement_by_statement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", GOOGLE, "--policy", "google-help", "--now", "2026-01-01", "--history"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    for rule in policies()["google-help"]:
        assert re.search(
            rf"{re.escape(f'{rule.rule} (statement): {rule.required}')} \[[^]]*\] "
            r"((confirmed|contradicted), (seen (from |between )?\d{4}-\d\d-\d\d|\d+ rows? left out)[^:]* "
            r"by (observations|support) \d|unknown: )",
            text,
        ), rule.rule
    observed = toolkit.read(GOOGLE).observations["protocol"]
    assert "issuer-g2 (statement): certificates are signed by Google Internet Authority G2" in text
    assert "guidelines; published 2013-04-05 at the earliest]" in text
    stretches = re.findall(r"(confirmed|contradicted), seen from (\d+)-\S+ to (\d+)-[^:]*: [^:]*Authority G2", text)
    assert ("confirmed", "2014", "2017") in stretches
    highest = re.search(r"contradicted, seen from [^:]*, by observations ([\d–, ]*): TLS 1.3 accepted", text)
    assert highest
    rows = [int(number) for number in re.findall(r"\d+", highest[1])]
    assert set(observed.iloc[rows]) == {"TLS 1.3"}


def test_nothing_wrong_is_exit_code_0(
    tmp_path: Path, chain: tuple[Minted, Minted], capsys: pytest.CaptureFixture[str]
) -> None:
    leaf, root = chain
    source = kept(tmp_path, served([leaf.der, root.der]))
    words = ["check", source, "--policy", "baseline", "--now", "2026-02-01", *trusting(tmp_path, root)]
    code, said = asked(words, capsys)
    assert (code, said["findings"], said["unknown"]) == (0, 0, 0)
    assert said["fine"] > 5
    assert main(words) == 0
    # Where a line is folded depends on the terminal's width and on the length of the folder's name.
    text = " ".join(capsys.readouterr().out.split())
    assert "trust: 1 service: 0 with findings, 1 fine, 0 unknown" in text
    assert "(lab data)" in text


def test_a_chain_that_is_unknown_is_counted_and_no_finding(
    tmp_path: Path, chain: tuple[Minted, Minted], capsys: pytest.CaptureFixture[str]
) -> None:
    source = kept(tmp_path, served([chain[0].der, chain[1].der]))
    assert main(["check", source, "--policy", "baseline", "--now", "2026-02-01"]) == 0
    assert "trust: 1 service: 0 with findings, 0 fine, 1 unknown" in capsys.readouterr().out


def test_a_chain_that_is_untrusted_is_a_finding(
    tmp_path: Path, chain: tuple[Minted, Minted], capsys: pytest.CaptureFixture[str]
) -> None:
    leaf, root = chain
    source = kept(tmp_path, served([leaf.der, root.der], host="other.example.test"))
    words = ["check", source, "--policy", "ietf", "--now", "2026-02-01", *trusting(tmp_path, root)]
    assert main(words) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"untrusted: smtp://other.example.test:25 \(critical\) leaf .*name.*\[lab\]", text)


@pytest.mark.parametrize(
    ("day", "verdict", "is_finding"),
    [("2026-02-01", "valid", False), ("2026-03-10", "expiring", True), ("2026-04-02", "expired", True)],
)
def test_expiry_of_what_is_shown(day: str, verdict: str, is_finding: bool, chain: tuple[Minted, Minted]) -> None:
    leaf, root = chain
    shown = served([leaf.der, root.der], when=now("2026-04-01" if verdict == "expired" else "2026-02-01"))
    found = checking.check(shown, now=now(day), roots=[root.der], policy="ietf")
    (row,) = found[found["check"] == "expiry"].to_dict("records")
    assert (row["verdict"], row["is_finding"]) == (verdict, is_finding)


def test_certificates_that_expired_unobserved_or_are_undated_are_unknown() -> None:
    shown = tables(
        [look("aa", "2026-01-01"), look("bb", None, service="smtp://b:25", host="b", server_name="b")],
        [certificate("aa", "2025-12-01", "2026-02-01"), certificate("bb", "2025-12-01", "2026-03-10")],
    )
    root = mint_ca("root")
    for as_of in ("observed", now("2026-03-01")):
        found = checking.check(shown, now=now("2026-03-01"), roots=[root.der], policy="ietf", as_of=as_of)
        expiry = found[found["check"] == "expiry"]
        assert expiry["is_finding"].isna().all()
        assert expiry["reason"].tolist() == ["it expired, and was not observed afterwards", "only undated observations"]


def test_a_replaced_certificate_is_neither_expiring_nor_judged_on_a_later_day() -> None:
    root = mint_ca("root")
    leaves = [mint_leaf(root), mint_leaf(root, begins=now("2026-03-01"), ends=now("2026-05-30"))]
    first, second = served([leaves[0].der, root.der]), served([leaves[1].der, root.der], when=now("2026-03-02"))
    later = toolkit.Tables.from_frames(second.observations.assign(round="later"), second.certificates)
    shown = toolkit.Tables.concat([first, later])
    found = checking.check(shown, now=now("2026-04-10"), roots=[root.der], policy="baseline", as_of=now("2026-04-10"))
    in_use = found[found["check"].isin(["expiry", "trust"])]
    assert in_use["leaf_sha256"].tolist() == [leaves[1].sha256] * 2
    assert in_use["is_finding"].tolist() == [False, False]
    by_own_day = checking.check(shown, now=now("2026-04-10"), roots=[root.der], policy="baseline", history=True)
    assert by_own_day.loc[by_own_day["check"] == "trust", "verdict"].tolist() == ["trusted", "trusted"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-02-01", "2026-02-01T00:00:00+00:00"),
        ("2026-02-01T09:30", "2026-02-01T09:30:00+00:00"),
        ("2026-02-01T09:30+01:00", "2026-02-01T09:30:00+01:00"),
    ],
)
def test_a_date_without_a_zone_is_utc(written: str, meant: str, live: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", f"{live}/0.pem", "--policy", "chrome", "--now", "2026-01-01", "--as-of", written]
    _, said = asked(words, capsys)
    assert said["as_of"] == meant
    assert said["now"] == "2026-01-01T00:00:00+00:00"


def test_the_help_says_what_a_date_without_a_zone_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert "a date without a zone means midnight UTC" in " ".join(capsys.readouterr().out.split())


def test_wrong_use_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "roots.pem"
    broken.write_text(as_pem(mint_ca("root").der).replace("MII", "!!!", 1))
    unknown_rule = tmp_path / "mine.csv"
    rules = (ROOT / "toolkit/reference/policies/google-help.csv").read_text(encoding="utf-8")
    unknown_rule.write_text(rules.replace(",host,answers,", ",host,smiles,", 1), encoding="utf-8")
    for words, said in (
        (["--policy", "everything"], "policy or file of rules 'everything' is not known"),
        (["--policy", str(unknown_rule)], "is not a test of host"),
        (["--roots", "nothing.pem"], "roots: the file nothing.pem does not exist"),
        (["--roots", str(broken)], "certificate 1 (line 1): the certificate's base64 is damaged"),
    ):
        assert main(["check", GOOGLE, *words]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["check", GOOGLE, "--as-of", "yesterday"])
    assert ended.value.code == 2


def test_a_policy_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.csv"
    rules = (ROOT / "toolkit/reference/policies/ietf.csv").read_text(encoding="utf-8")
    own.write_text(rules.replace("\nietf,", "\nhouse,"), encoding="utf-8")
    _, said = asked(["check", GOOGLE, "--policy", str(own), "--now", "2026-01-01"], capsys)
    assert {row["check"] for row in said["checks"]} == {"reachability", "expiry", "rotation", "trust", "house"}


def test_statements_of_ones_own_need_no_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.csv"
    rules = (ROOT / "toolkit/reference/policies/google-help.csv").read_text(encoding="utf-8")
    own.write_text(rules.replace(",2013-04-05,,", ",,,"), encoding="utf-8")
    assert main(["check", GOOGLE, "--policy", str(own), "--now", "2026-01-01", "--history"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "tls-1.2 (statement): TLS 1.2 is accepted [support.google.com/a/answer/6180220, guidelines] confirmed" in text
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("cipher,not_among,rc4", "'rc4' is not a known cipher. Did you mean 'RC4'?"),
        ("protocol,not_among,TLSv1.0", "Did you mean 'TLS 1.0'?"),
        ("", "has no rules"),
    ],
)
def test_a_policy_with_an_unknown_value_is_wrong_use(
    row: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.csv"
    line = f"mine,1,rule,must,{row},2011-03-01,,observed,b,c,d,e\n" if row else ""
    own.write_text(",".join(COLUMNS) + "\n" + line, encoding="utf-8")
    assert main(["check", GOOGLE, "--policy", str(own)]) == 2
    assert said in capsys.readouterr().err


def test_nothing_read_or_reached_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "nowhere")]) == 4
    assert "nowhere does not exist" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 4
    assert "holds neither" in capsys.readouterr().err
    failures = tables([look(None, "2026-01-01")], [certificate("aa", "2026-01-01", "2026-02-01")])
    store = toolkit.Store(tmp_path / "store")
    store.append(failures)
    assert main(["check", str(tmp_path / "store"), "--now", "2026-06-01"]) == 3
    said = capsys.readouterr()
    assert (
        "1 look at 1 service; 2026-01-01 to 2026-01-01; 0 dated by bounds, 0 undated, 1 failed (live data)"
        in " ".join(said.out.split())
    )
    assert "no look got an answer" in said.err
    assert main(["check", str(ROOT / "data/google-mail/certificates")]) == 1, "certificates alone are judged by dates"
    assert "2025-01-13" in capsys.readouterr().out


def test_a_fleet_that_is_down_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    looks = [look(None, f"2026-01-0{day}", stage="connect") for day in range(1, 4)]
    store = toolkit.Store(tmp_path / "store")
    store.append(tables(looks, [certificate("aa", "2026-01-01", "2026-02-01")]))
    assert main(["check", str(tmp_path / "store"), "--now", "2026-01-04"]) == 1
    said = capsys.readouterr()
    assert "unreachable: smtp://mx.example:25 (critical)" in said.out
    assert not said.err


def test_a_collector_that_has_stopped_is_said_and_all_unknown_is_exit_code_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["check", str(ROOT / "data/web-series"), "--policy", "lets-encrypt", "--now", "2026-11-28"]
    assert main(words) == 3, "the first rule of that policy is of 2027"
    said = capsys.readouterr().err
    assert re.search(r"the newest observation is of 2026-03-17 \d\d:\d\d UTC, 25\d days before 2026-11-28", said)
    assert "every verdict is unknown" in said
    main([*words[:-1], "2026-03-20"])
    assert "the newest observation" not in capsys.readouterr().err


def test_check_and_report_count_from_the_same_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=16, minutes=30)
    when = ahead.replace(tzinfo=None).isoformat()
    toolkit.Store(tmp_path / "store").append(
        tables([look("aa", when)], [certificate("aa", "2026-01-01", "2099-01-01")])
    )
    given: list[datetime] = []
    monkeypatch.setattr("toolkit.report.write_report", lambda *_, now, **__: given.append(now))
    assert main(["report", str(tmp_path / "store"), "--output", str(tmp_path / "report.html")]) == 0
    assert "16 hours after this machine's clock" in capsys.readouterr().err
    _, said = asked(["check", str(tmp_path / "store")], capsys)
    assert given == [ahead]
    assert datetime.fromisoformat(said["now"]) == ahead


def test_nothing_shown_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "".join(map(chr, (27, 91, 50, 74, 0x202E, 10, 7)))
    shown = tables(
        [look("aa", "2026-01-02", service=f"smtp://{hostile}:25", host=hostile, protocol="TLS 1.0")],
        [certificate("aa", "2026-01-01", "2026-01-03", subject=f"CN={hostile}", names=(hostile,))],
    )
    toolkit.Store(tmp_path / "store").append(shown)
    for policy in ("ietf", "baseline"):
        assert main(["check", str(tmp_path / "store"), "--policy", policy, "--now", "2026-01-02"]) == 1
        out = capsys.readouterr().out
        assert all(character.isprintable() or character == "\n" for character in out)
        assert r"\x1b[2J\u202e\n\x07" in out


def test_a_fleet_is_listed_in_part_and_counted_in_full() -> None:
    hosts = [f"mx{number}.example" for number in range(30)]
    shown = tables(
        [look("aa", "2026-01-02", service=f"smtp://{host}:25", host=host, protocol="TLS 1.0") for host in hosts],
        [certificate("aa", "2026-01-01", "2026-03-01")],
    )
    found = checking.check(shown, now=now("2026-01-02"), roots=[mint_ca("root").der], policy="ietf")
    lines = list(checking.describe(found))
    assert sum("falls short: smtp://mx" in line for line in lines) == checking.MOST_SERVICES
    assert any(f"falls short: {30 - checking.MOST_SERVICES} more services" in line for line in lines)
    assert checking.count(found)["findings"] == 30


def test_nothing_at_all_gives_an_empty_frame() -> None:
    found = checking.check(tables([], []), now=TODAY, roots=[mint_ca("root").der], policy="ietf")
    assert found.empty
    assert list(found.columns) == list(dtypes(checking.CHECKS))
    assert checking.count(found) == {"findings": 0, "accepted": 0, "fine": 0, "unknown": 0}
    assert not checking.was_reached(tables([], []))


def test_where_only_undated_looks_are_left_the_scope_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", GOOGLE, "--since", "2030-01-01", "--now", "2026-01-01"]
    assert main(words) == 3
    said = capsys.readouterr()
    assert "20 looks at 8 services, 2 without a service; 0 dated by bounds, 20 undated" in " ".join(said.out.split())
    assert "Left out: 20 undated (observations)" in " ".join(said.out.split())
    assert "nothing is known to be in service on 2026-01-01" in said.err
    assert main([*words, "--history"]) == 3
    assert "every verdict is unknown" in capsys.readouterr().err


@pytest.mark.parametrize("until", ["2025-01-01", "2026-01-01"])
def test_since_that_is_not_before_until_is_wrong_use(until: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", GOOGLE, "--since", "2026-01-01", "--until", until]) == 2
    assert "swap them, or leave one out" in capsys.readouterr().err


def test_a_policy_that_is_given_twice_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", GOOGLE, "--policy", "nist", "--policy", "ietf", "--policy", "nist"]) == 2
    assert "policy: nist is given more than once: give each policy once." in capsys.readouterr().err


def test_as_of_a_chain_was_seen_when_it_was_looked_at(chain: tuple[Minted, Minted]) -> None:
    leaf, root = chain
    shown = served([leaf.der, root.der], when=now("2026-02-01"))
    found = checking.check(shown, now=now("2026-02-02"), roots=[root.der], policy="ietf", as_of=now("2026-02-02"))
    (row,) = found[found["check"] == "trust"].to_dict("records")
    assert (row["verdict"], row["first_at"], row["last_at"]) == ("trusted", now("2026-02-01"), now("2026-02-01"))


@pytest.mark.parametrize(("thresholds", "verdict"), [("lifetime", "valid"), ("days", "expiring")])
def test_the_classic_days_are_an_option(
    thresholds: str, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mint_ca("root")
    leaf = mint_leaf(root, begins=now("2026-01-01"), ends=now("2026-02-09"))
    words = ["check", kept(tmp_path, served([leaf.der, root.der], when=now("2026-01-12"))), "--policy", "ietf"]
    words += ["--now", "2026-01-12", "--thresholds", thresholds, *trusting(tmp_path, root)]
    code, said = asked(words, capsys)
    (row,) = [row for row in said["checks"] if row["check"] == "expiry"]
    assert (row["verdict"], code, said["thresholds"]) == (verdict, int(verdict == "expiring"), thresholds)
    main(words)
    text = " ".join(capsys.readouterr().out.split())
    assert ("Expiring: 30, 14 and 7 days before the end." in text) == (thresholds == "days")


def test_a_root_that_cannot_be_read_is_named_in_one_line_and_the_others_count(
    chain: tuple[Minted, Minted], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = kept(tmp_path, served([one.der for one in chain]))
    words = ["check", source, "--policy", "baseline", "--as-of", "2026-02-01", *trusting(tmp_path, chain[1])]
    code = main(words)
    without = capsys.readouterr()
    with (tmp_path / "roots.pem").open("a") as file:
        file.write(as_pem(b"hello"))
    assert main(words) == code
    said = capsys.readouterr()
    assert said.out == without.out
    (line,) = said.err.splitlines()
    assert re.fullmatch(
        r"tls-toolkit: .*roots\.pem: 1 of 2 certificates cannot be read and are skipped: certificate 2 .*", line
    )


@pytest.fixture
def live(tmp_path: Path) -> str:
    """A folder of certificates alone: of the years 2026, 2027 to 2036, and one that cannot be read."""
    certificates = [
        der.certificate(),
        der.certificate(not_before=der.utc(b"270101000000Z"), not_after=der.utc(b"361231235959Z")),
        der.certificate(not_before=der.utc(b"270199000000Z")),
    ]
    for number, certificate_ in enumerate(certificates):
        (tmp_path / f"{number}.pem").write_text(as_pem(certificate_))
    return str(tmp_path)


def test_certificates_without_an_observation_are_judged_by_their_ends(
    live: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = asked(["check", live, "--now", "2026-12-30"], capsys)
    assert code == 1
    rows = [(row["state"], row["threshold"], row["days_left"]) for row in said["certificates"]]
    assert rows[0] == ("expiring", "1/12", pytest.approx(2, abs=0.001))
    assert [row[0] for row in rows] == ["expiring", "unknown", "not_yet_valid"]
    assert main(["check", live, "--now", "2026-12-30"]) == 1
    shown = capsys.readouterr()
    assert re.search(r": 3 certificates, and no observation of a service\. Judged by their ends; days", shown.out)
    assert re.search(r"^CN=subject\.test +2027-01-01 00:00:00\+00:00 +2 +expiring +1/12$", shown.out, re.MULTILINE)
    assert shown.err == ""


def test_certificates_without_an_observation_are_judged_by_a_policy_that_is_given(
    live: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", f"{live}/1.pem", "--policy", "baseline", "--policy", "chrome", "--now", "2027-03-01"]
    code, said = asked(words, capsys)
    assert code == 1
    assert {row["check"] for row in said["checks"]} == {"expiry", "trust", "baseline", "chrome"}
    (broken,) = (row for row in said["checks"] if row["rule"] == "validity")
    assert (broken["verdict"], broken["evidence"]) == ("falls short", "certificates 0")
    assert broken["found"] == "3653 days"
    assert said["as_of"] == said["now"]
    assert main(words) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert ": 1 certificate, and no observation of a service Judged by the rules of 2027-03-01" in shown
    assert "In service" not in shown
    assert "not observed" in shown
    assert "looks" not in shown


def test_intermediates_are_not_judged_as_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = mint_ca("root")
    middle = mint_ca("middle", root)
    (tmp_path / "root.pem").write_text(as_pem(root.der))
    (tmp_path / "chain.pem").write_text(as_pem(mint_leaf(middle).der) + as_pem(middle.der))
    (tmp_path / "middle.pem").write_text(as_pem(middle.der))
    given = ["--policy", "clients", "--roots", str(tmp_path / "root.pem"), "--now", f"{TODAY:%Y-%m-%d}"]
    code, said = asked(["check", str(tmp_path / "chain.pem"), *given], capsys)
    assert code == 0
    (trust,) = (row for row in said["checks"] if row["check"] == "trust")
    assert (trust["verdict"], trust["evidence_count"], trust["first_at"]) == ("trusted", 0, None)
    assert trust["found"] == f"leaf {trust['leaf_sha256'][:12]}, path of 3 certificates"
    assert main(["check", str(tmp_path / "middle.pem"), *given]) == 3
    assert "no certificate in it is a leaf" in capsys.readouterr().err


def test_intermediates_may_be_given_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = mint_ca("root")
    middle = mint_ca("middle", root)
    for name, data in (("root", root.der), ("middle", middle.der), ("leaf", mint_leaf(middle).der)):
        (tmp_path / f"{name}.pem").write_text(as_pem(data))
    (tmp_path / "empty.pem").write_text("nothing")
    root_file, leaf_file = str(tmp_path / "root.pem"), str(tmp_path / "leaf.pem")
    given = ["check", leaf_file, "--policy", "clients", "--roots", root_file, "--now", f"{TODAY:%Y-%m-%d}"]
    for words, verdict in (([], "unknown"), (["--intermediates", str(tmp_path / "middle.pem")], "trusted")):
        _, said = asked([*given, *words], capsys)
        (trust,) = (row for row in said["checks"] if row["check"] == "trust")
        assert trust["verdict"] == verdict
        assert (", path of 3 certificates" in trust["found"]) == (verdict == "trusted")
        assert "no chain" not in trust["found"]
    assert main([*given, "--intermediates", "hold"]) == 2
    assert "intermediates='hold' is not known. Did you mean 'held'?" in capsys.readouterr().err
    assert main([*given, "--intermediates", str(tmp_path / "empty.pem")]) == 4
    assert "empty.pem holds no certificate" in capsys.readouterr().err


@pytest.mark.parametrize(("now_", "thresholds", "code"), [
    ("2026-06-01", "lifetime", 0), ("2026-11-30", "days", 0), ("2026-11-30", "lifetime", 1), ("2027-02-01", "days", 1),
])  # fmt: skip
def test_certificates_alone_are_findings_when_they_end_soon_or_have_ended(
    now_: str, thresholds: str, code: int, live: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{live}/0.pem", "--now", now_, "--thresholds", thresholds]) == code
    assert "store info" not in capsys.readouterr().err


def test_advice_on_a_file_does_not_speak_of_backends(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = asked(["check", f"{live}/0.pem", "--policy", "clients", "--now", "2027-02-01"], capsys)
    advice = {row["verdict"]: row["advice"] for row in said["checks"] if row["advice"]}
    assert advice["expired"] == "Renew the certificate, and replace it wherever it is still used."
    assert not [words for words in advice.values() if "backend" in words or "server" in words.lower()]


def test_of_many_certificates_alone_the_first_to_end_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = (der.certificate(serial=der.integer(number)) for number in range(1, 24))
    (tmp_path / "many.pem").write_text("".join(map(as_pem, made)))
    assert main(["check", str(tmp_path / "many.pem"), "--now", "2026-02-01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("CN=subject.test") for line in lines) == 20
    assert lines[-1] == "… and 3 more certificates, which end later."


def test_several_policies_are_judged_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["check", GOOGLE, "--policy", "ietf", "--policy", "baseline", "--now", "2016-02-11", "--json"]
    assert main(asked) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["policy"] == ["ietf", "baseline"]
    assert {row["check"] for row in said["checks"]} == {
        "reachability",
        "expiry",
        "rotation",
        "trust",
        "ietf",
        "baseline",
    }


@pytest.mark.parametrize("words", [["--format", "sarif", "--json"], ["--json", "--format", "text"]])
def test_two_formats_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", GOOGLE, *words])
    assert "not allowed with argument" in capsys.readouterr().err
