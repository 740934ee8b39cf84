"""Verdicts on chains broken in known ways, compared with OpenSSL and `cryptography`; each difference has its reason."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.analyse.made import now
from tests.analyse.trust.broken_chains import LEAF, MIDDLE, ROOT, Case, all_cases, mesh
from tests.analyse.trust.minted import BEGINS, ENDS, TODAY, Minted, mint_ca, mint_leaf, served
from tests.conftest import ROOT as ROOT_FOLDER, need
from toolkit import Tables
from toolkit.analyse.trust.details import describe_chains
from toolkit.analyse.trust.verify import replay_trust, verify_chains
from toolkit.comparing import compare_verifiers
from toolkit.errors import UsageError
from toolkit.readers import read
from toolkit.reference.roots import load_roots

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

CASES = {case.label: case for case in all_cases()}

OPENSSL_SAYS_OTHERWISE = {
    "last second": "it takes notAfter itself for expired; RFC 5280, section 4.1.2.5, includes it",
    "wildcard in part of a label": "it lets m* match mx by default; RFC 9525, section 6.3, forbids that",
    "common name only, today": "it still takes the common name where there is no dNSName; RFC 9525 ended that",
    "a wildcard that covers an excluded host": "it compares *.example.test as text",
    "a loop before the way out": "it takes the first issuer that fits, and does not come back for the other",
    "SHA-1, today": "security level 0 of `openssl verify` takes every hash",
    "MD5, today": "security level 0 of `openssl verify` takes every hash",
    "MD5, in 2014": "security level 0 of `openssl verify` takes every hash",
    "SHA-1 intermediate, today": "security level 0 of `openssl verify` takes every hash",
    "RSA key of 1024 bits": "security level 0 of `openssl verify` takes every key",
    "DSA": "security level 0 of `openssl verify` takes every key",
    "Ed25519": "it accepts Ed25519, which web clients do not",
}
"""Label → why `openssl verify` differs."""

CRYPTOGRAPHY_SAYS_OTHERWISE = {
    "issuer's name in capitals": "it compares names byte by byte",
    "wildcard of a top level": "it lets *.test match example.test; here two labels must follow, as in OpenSSL",
    "common name only, in 2014": "it knows no dates: no subjectAltName, no trust",
    "SHA-1, in 2014": "it knows no dates: SHA-1 is refused",
    "only an intermediate is trusted": "everything in its store is an anchor; here a root is self-issued",
    "self-signed leaf among the roots": "it wants an authorityKeyIdentifier in every leaf",
    "intermediate without keyUsage": "it wants keyUsage in every CA, as the CA/Browser Forum does",
    "intermediate for server-gated cryptography": "it knows serverAuth only",
    "path length 0, a self-issued CA below": "it counts self-issued CAs; RFC 5280, section 6.1.4 (l), does not",
    "subject permitted": "it does not support constraints on directory names",
    "key identifier of another key": "it does not look at key identifiers; the signature is right",
    "key identifier of another serial number": "it does not look at key identifiers; the signature is right",
    "mailbox in the subject not permitted": "it does not look for mailboxes in the subject",
    "URI permitted": "it does not support constraints on URIs",
    "root of version 1": "it wants version 3",
    "negative serial number": "it refuses negative serial numbers; here that is a finding of its own",
    "RSA key of 1024 bits": "it has no rule on the size of RSA keys",
}
"""Label → why `cryptography.x509.verification` differs."""

SAY_OTHERWISE = {"openssl": OPENSSL_SAYS_OTHERWISE, "cryptography": CRYPTOGRAPHY_SAYS_OTHERWISE}

CANNOT_BE_ASKED = {
    ("cryptography", "garbage after a right chain"): "served certificate 3: it cannot be read",
    ("cryptography", "garbage for an intermediate"): "served certificate 2: it cannot be read",
    ("openssl", "garbage for an intermediate"): "Could not read any untrusted certificates from chain",
}
"""Verifier and label → what it cannot be given."""


def test_there_are_enough_cases() -> None:
    assert len(CASES) == len(list(all_cases())), "labels are unique"
    assert len([case for case in CASES.values() if case.verdict != "trusted"]) >= 60


def judge(case: Case) -> "pd.Series[object]":
    tables = served(case.chain, host=case.host, held=case.held)
    frame = verify_chains(tables, roots=case.roots, as_of=case.when)
    assert len(frame) == 1
    frame = describe_chains(frame, tables, roots=case.roots)
    return frame.iloc[0]


@pytest.mark.parametrize("label", CASES)
def test_the_verdict_the_broken_certificate_and_the_checks_are_right(label: str) -> None:
    case = CASES[label]
    row = judge(case)
    assert row["verdict"] == case.verdict, row["reason"]
    place = None if pd.isna(row["broken_certificate"]) else row["broken_certificate"]
    assert place == case.place, row["reason"]
    assert (row["verdict"] == "trusted") == pd.isna(row["reason"])
    for check, expected in case.checks.items():
        found = None if pd.isna(row[check]) else row[check]
        assert found == expected, (check, row["reason"])


def compared(case: Case) -> "pd.Series[object]":
    """The verdicts of the two others; the command line and the call are the toolkit's own."""
    need("openssl")
    frame = compare_verifiers(served(case.chain, host=case.host, held=case.held), roots=case.roots, as_of=case.when)
    return frame.iloc[0]


@pytest.mark.parametrize("label", CASES)
def test_other_verifiers_agree_or_the_difference_has_a_reason(label: str) -> None:
    row, is_trusted = compared(CASES[label]), CASES[label].verdict == "trusted"
    for name, differences in SAY_OTHERWISE.items():
        verdict, reason = row[f"{name}_verdict"], row[f"{name}_reason"]
        if (name, label) in CANNOT_BE_ASKED:
            assert pd.isna(verdict)
            assert CANNOT_BE_ASKED[name, label] in str(reason)
        else:
            assert ((verdict == "trusted") == is_trusted) == (label not in differences), (name, reason)
            assert (verdict == "trusted") == pd.isna(reason)
    if all((name, label) in CANNOT_BE_ASKED for name in SAY_OTHERWISE):
        assert pd.isna(row["is_agreed"])
    else:
        assert row["is_agreed"] == (not any(label in differences for differences in SAY_OTHERWISE.values()))


def test_every_listed_difference_exists() -> None:
    assert set(OPENSSL_SAYS_OTHERWISE) <= set(CASES)
    assert set(CRYPTOGRAPHY_SAYS_OTHERWISE) <= set(CASES)
    assert {label for _, label in CANNOT_BE_ASKED} <= set(CASES)


def verdicts(tables: Tables, roots: tuple[Minted, ...] = (ROOT,), **asked: object) -> "pd.DataFrame":
    return verify_chains(tables, roots=[root.der for root in roots], **asked)  # type: ignore[arg-type]  # passed on


def test_ten_thousand_intermediates_are_bounded() -> None:
    junk = [b"\x30\x03\x02\x01" + bytes([n % 256]) for n in range(256)]
    others = [mint_ca(f"CA {n}", ROOT, key_name="shared").der for n in range(50)]
    chain = [LEAF.der, *(others * 100), *(junk * 20), MIDDLE.der]
    assert len(chain) > 10_000
    given = served(chain)
    row = describe_chains(verdicts(given, as_of=TODAY), given, roots=[ROOT.der]).iloc[0]
    assert row["verdict"] == "trusted"
    assert row["unneeded_count"] == len(chain) - 2


def test_a_thousand_cas_of_one_name_are_unknown() -> None:
    crowd = [mint_ca("Middle", None, key_name=f"crowd {n % 40}", issuer_id=None, has_key_id=False) for n in range(400)]
    leaf = mint_leaf(crowd[0], issuer_id=None)
    row = verdicts(served([leaf.der, *(minted.der for minted in crowd)]), as_of=TODAY).iloc[0]
    assert row["verdict"] == "unknown"
    assert "reached its limit" in row["reason"]


def test_a_mesh_of_cross_certificates_is_bounded() -> None:
    row = verdicts(served(mesh()), as_of=TODAY).iloc[0]
    assert row["verdict"] == "unknown"


def test_more_paths_than_are_tried_are_unknown_not_untrusted() -> None:
    roots = [mint_ca("Root", key_name=f"root {n}") for n in range(20)]
    middles = [mint_ca("Middle", root, key_name="one key", ends=BEGINS) for root in roots]
    chain = [mint_leaf(middles[0]).der, *(minted.der for minted in middles)]
    row = verdicts(served(chain), roots=tuple(roots), as_of=TODAY).iloc[0]
    assert row["verdict"] == "unknown"
    assert "more paths than were tried" in row["reason"]
    few = verdicts(served(chain[:5]), roots=tuple(roots[:4]), as_of=TODAY).iloc[0]
    assert few["verdict"] == "untrusted"


def test_a_forged_branch_next_to_an_unknown_root_is_unknown() -> None:
    middle = mint_ca("Middle", mint_ca("Unknown Root"))
    claimed = x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT.key.public_key())
    forged = mint_ca("Middle", mint_ca("Root", key_name="Forger"), issuer_id=claimed)
    row = verdicts(served([mint_leaf(middle).der, middle.der, forged.der]), as_of=TODAY).iloc[0]
    assert row["verdict"] == "unknown"


def test_each_look_is_judged_at_its_own_instant_and_equal_ones_share_a_row() -> None:
    parts = [served([LEAF.der, MIDDLE.der], when=when) for when in (
        BEGINS - dt.timedelta(days=1), BEGINS, TODAY, ENDS, ENDS + dt.timedelta(milliseconds=500),
        ENDS + dt.timedelta(seconds=1), ENDS + dt.timedelta(days=1),
    )]  # fmt: skip
    looks = pd.concat([part.observations for part in parts], ignore_index=True)
    looks["sample"] = range(len(looks))
    frame = verdicts(Tables.from_frames(looks, parts[0].certificates))
    assert frame["verdict"].tolist() == ["untrusted", "trusted", "untrusted"]
    assert frame["looks"].tolist() == [1, 4, 2]
    assert frame["verdict_from_at"].tolist()[1:] == [BEGINS, ENDS + dt.timedelta(seconds=1)]
    assert frame["verdict_until_at"].tolist()[1] == ENDS + dt.timedelta(milliseconds=500)


def test_an_undated_look_is_judged_only_where_its_bounds_lie_in_one_period() -> None:
    undated = served([LEAF.der, MIDDLE.der], when=None)
    row = verdicts(undated).iloc[0]
    assert (row["verdict"], row["is_path_found"]) == ("unknown", True)
    assert "not dated" in row["reason"]
    assert pd.isna(row["is_within_validity"])
    for until, verdict in ((ENDS, "trusted"), (ENDS + dt.timedelta(seconds=1), "unknown")):
        bounded = undated.observations.assign(observed_from=BEGINS, observed_until=until)
        assert verdicts(Tables.from_frames(bounded, undated.certificates)).iloc[0]["verdict"] == verdict


def test_a_chain_that_was_not_recorded_is_unknown_not_untrusted() -> None:
    given = served([LEAF.der], is_recorded=False, held=[MIDDLE.der], when=ENDS + dt.timedelta(days=30))
    row = verdicts(given).iloc[0]
    assert row["verdict"] == "unknown"
    assert row["reason"] == "the chain was not recorded as served"
    assert pd.isna(row["is_within_validity"])
    assert verdicts(given, intermediates="held").iloc[0]["verdict"] == "untrusted"
    assert verdicts(given, intermediates="held", as_of=TODAY).iloc[0]["verdict"] == "trusted"


def test_an_intermediate_that_was_not_seen_served_makes_nothing_untrusted() -> None:
    """The intermediate ended before the leaf. A CA that renewed it with the same key made the same leaf right again."""
    ended = mint_ca("Middle", ROOT, ends=TODAY - dt.timedelta(seconds=1))
    renewed = mint_ca("Middle", ROOT, begins=TODAY)
    for chain, is_recorded in (([LEAF.der], False), ([LEAF.der], True)):
        given = served(chain, is_recorded=is_recorded, held=[ended.der])
        row = verdicts(given, intermediates="held").iloc[0]
        assert row["verdict"] == "unknown"
        assert row[["broken_certificate", "broken_sha256"]].tolist() == ["intermediate 1", ended.sha256]
        assert row["reason"].startswith("intermediate 1: it expired on")
        assert "a renewed one may have been served" in row["reason"]
        assert pd.isna(row["is_within_validity"])
        assert row["is_path_found"]
        (replayed,) = replay_trust(given, roots=[ROOT.der], since=TODAY, until=TODAY).to_dict("records")
        assert replayed["verdict"] == "unknown", "the replay knows no more of what was served"
        assert pd.isna(replayed["is_within_validity"])
        both = served(chain, is_recorded=is_recorded, held=[ended.der, renewed.der])
        assert verdicts(both, intermediates="held").iloc[0]["verdict"] == "trusted"
    was_served = served([LEAF.der, ended.der])
    assert verdicts(was_served, intermediates="held").iloc[0]["verdict"] == "untrusted"
    periods = replay_trust(was_served, roots=[ROOT.der], since=TODAY - dt.timedelta(days=1), until=TODAY)
    assert periods["verdict"].tolist() == ["trusted", "untrusted"]
    assert periods["verdict_from_at"].tolist()[1] == TODAY, "what was served ends to the second"
    for changes in ({"host": "other.example.test"}, {"when": ENDS + dt.timedelta(seconds=1)}):
        given = served([LEAF.der], is_recorded=False, held=[ended.der], **changes)
        row = verdicts(given, intermediates="held").iloc[0]
        assert row["verdict"] == "untrusted", "the leaf is wrong with any intermediates"


def test_of_a_file_the_certificates_with_the_leaf_count_as_served_and_a_given_one_does_not(tmp_path: Path) -> None:
    ended = mint_ca("Middle", ROOT, ends=TODAY - dt.timedelta(seconds=1))
    alone, together = (
        Tables.from_frames(certificates=served(ders).certificates) for ders in ([LEAF.der], [LEAF.der, ended.der])
    )
    given = tmp_path / "middle.der"
    given.write_bytes(ended.der)
    asked = {"roots": [ROOT.der], "as_of": TODAY}
    for tables, intermediates, verdict in (
        (alone, given, "unknown"), (together, given, "untrusted"), (together, "served", "untrusted")
    ):  # fmt: skip
        row = verify_chains(tables, intermediates=intermediates, **asked).iloc[0]
        assert (row["verdict"], row["broken_sha256"]) == (verdict, ended.sha256)


def test_the_leaves_of_2015_under_a_renewed_intermediate_are_unknown() -> None:
    """The tables hold the edition of 2013 alone, which ended on 2015-04-04; a client of 2016 had another one."""
    given = read(ROOT_FOLDER / "data/google-mail")
    frame = verify_chains(given, roots=load_roots("google-2017-09-08"), intermediates="held")
    assert set(frame["verdict"]) == {"trusted", "unknown"}
    doubted = frame[frame["reason"].str.contains("2015-04-04", na=False)]
    assert doubted["verdict_from_at"].dt.date.astype(str).tolist() == ["2016-04-13", "2015-12-17"]


def test_a_leaf_that_is_missing_or_broken_is_unknown() -> None:
    given = served([LEAF.der, MIDDLE.der])
    missing = Tables.from_frames(given.observations, given.certificates[given.certificates["is_ca"]])
    assert "not in the tables" in verdicts(missing).iloc[0]["reason"]
    assert verdicts(missing).iloc[0]["verdict"] == "unknown"
    assert verdicts(served([b"\x30\x00", MIDDLE.der])).iloc[0]["verdict"] == "unknown"


def test_without_a_name_nothing_is_trusted() -> None:
    given = served([LEAF.der, MIDDLE.der])
    nameless = given.observations.assign(host=None, server_name=None, service=None)
    row = verdicts(Tables.from_frames(nameless, given.certificates)).iloc[0]
    assert (row["verdict"], row["reason"]) == ("unknown", "no name was asked for")


def test_several_instants_give_a_row_each() -> None:
    frame = verdicts(served([LEAF.der, MIDDLE.der]), as_of=[BEGINS, TODAY, ENDS + dt.timedelta(seconds=1)])
    assert frame["verdict"].tolist() == ["trusted", "trusted", "untrusted"]
    assert frame["verdict_from_at"].tolist() == [BEGINS, TODAY, ENDS + dt.timedelta(seconds=1)]


def test_replay_bounds_each_period_to_the_second() -> None:
    frame = replay_trust(served([LEAF.der], is_recorded=False, held=[MIDDLE.der]), roots=[ROOT.der],
                         since=now("2025-12-01"), until=now("2026-12-01"))  # fmt: skip
    assert frame["verdict"].tolist() == ["untrusted", "trusted", "untrusted"]
    assert frame["verdict_from_at"].tolist() == [now("2025-12-01"), BEGINS, ENDS + dt.timedelta(seconds=1)]
    assert frame["verdict_until_at"].tolist() == [BEGINS - dt.timedelta(seconds=1), ENDS, now("2026-12-01")]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"roots": []}, "at least one certificate"),
        ({"roots": [b"no certificate"]}, "certificate 1 cannot be read"),
        ({"roots": [ROOT.der, ROOT.der[:-9]]}, "certificate 2 cannot be read"),
        ({"roots": "certify"}, "root bundle or PEM file 'certify' is not known"),
        ({"roots": b"no list"}, "bytes of 7 bytes cannot be used; give the name of a bundle"),
        ({"roots": None}, "None cannot be used; give the name of a bundle"),
        ({"roots": ["certifi"]}, "element 1 is of type str"),
        ({"as_of": TODAY.replace(tzinfo=None)}, "no zone"),
        ({"as_of": []}, "at least one instant"),
        ({"as_of": "yesterday"}, "as_of='yesterday'"),
        ({"as_of": None}, "as_of"),
        ({"intermediates": "all"}, "intermediates='all'"),
    ],
)
def test_wrong_arguments_are_errors(asked: dict[str, object], message: str) -> None:
    for ask in (verify_chains, compare_verifiers):
        with pytest.raises(UsageError, match=message):
            ask(served([LEAF.der, MIDDLE.der]), **({"roots": [ROOT.der]} | asked))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is before"):
        replay_trust(served([LEAF.der]), roots=[ROOT.der], since=TODAY, until=BEGINS)


def test_nothing_gives_an_empty_frame() -> None:
    assert verify_chains(Tables.from_frames(), roots=[ROOT.der]).empty


def test_a_look_whose_certificates_are_not_in_the_tables_is_unknown() -> None:
    looks = served([LEAF.der, MIDDLE.der]).observations
    assert verify_chains(Tables.from_frames(looks), roots=[ROOT.der])["verdict"].tolist() == ["unknown"]


def recorded(shared: Path, *, leaf: str, issuer: str) -> tuple[bytes, bytes]:
    folder = shared / "recorded/google_mail"
    (file,) = (folder / "certificates").glob(f"{leaf}_*.pem")
    return _load(file), _load(folder / "issuers" / f"{issuer}.pem")


def _load(file: Path) -> bytes:
    return x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)


def test_the_chain_of_2014_stopped_on_2015_04_04(shared: Path) -> None:
    """Google Internet Authority G2, edition of 2013: its end broke smtp.gmail.com for four hours that day."""
    chain = recorded(shared, leaf="2014-07-15", issuer="GIAG2")
    frame = replay_trust(served(chain, host="smtp.gmail.com", when=None), roots=load_roots("google-2017-09-08"),
                         since=now("2014-01-01"), until=now("2016-01-01"))  # fmt: skip
    trusted = frame[frame["verdict"] == "trusted"].iloc[0]
    assert trusted["verdict_from_at"] == now("2014-07-15T08:40:38")
    assert trusted["verdict_until_at"] == now("2015-04-04T15:15:55")
    after = frame.iloc[-1]
    assert after["verdict"] == "untrusted"
    assert "intermediate 1: it expired on 2015-04-04T15:15:55Z" in after["reason"]


def test_gs_root_r2_ended_on_2021_12_15(shared: Path) -> None:
    chain = recorded(shared, leaf="2020-08-26", issuer="GTS_CA_1O1")
    root = load_roots("google-2018-12-03")
    frame = replay_trust(served(chain, host="smtp.gmail.com", when=None), roots=root,
                         since=now("2021-12-14"), until=now("2021-12-16"))  # fmt: skip
    ends = [row["verdict_until_at"] for _, row in frame.iterrows()][:-1]
    assert ends == [now("2021-12-15T00:00:42"), now("2021-12-15T08:00:00")]
    assert "root: it expired on 2021-12-15T08:00:00Z" in frame.iloc[-1]["reason"]
    assert "root" not in frame.iloc[1]["reason"]


@pytest.mark.parametrize(
    ("leaf", "issuer", "host"),
    [
        ("2013-09-10", "GIAG2", "smtp.gmail.com"), ("2014-07-15", "GIAG2", "smtp.gmail.com"),
        ("2015-10-13", "GIAG2", "smtp.gmail.com"), ("2016-04-07", "GIAG2", "smtp.gmail.com"),
        ("2020-01-07", "GTS_CA_1O1", "imap.gmail.com"), ("2020-08-26", "GTS_CA_1O1", "smtp.gmail.com"),
        ("2021-11-08", "GTS_CA_1C3", "aspmx.l.google.com"), ("2022-10-25", "GTS_CA_1C3", "smtp.gmail.com"),
        ("2012-09-12", "Google_Internet_Authority", "imap.gmail.com"),
        ("2007-07-30", "Thawte_Premium_Server_CA", "smtp.gmail.com"),
    ],
)  # fmt: skip
def test_the_recorded_chains_are_as_openssl_says(shared: Path, leaf: str, issuer: str, host: str) -> None:
    """Before, in and after validity, under the bundle of 2017; hashes aside, which `openssl verify` does not date."""
    chain = recorded(shared, leaf=leaf, issuer=issuer)
    roots = load_roots("google-2017-09-08")
    certificate = x509.load_der_x509_certificate(chain[0])
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    days = (begins - dt.timedelta(days=1), begins, begins + (ends - begins) / 2, ends - dt.timedelta(seconds=1),
            ends + dt.timedelta(seconds=1), dt.datetime(2022, 1, 1, tzinfo=dt.UTC))  # fmt: skip
    asked: dict[str, Any] = {"roots": roots, "as_of": [day.replace(microsecond=0) for day in days]}
    tables = served(chain, host=host)
    need("openssl")
    ours, others = verify_chains(tables, **asked), compare_verifiers(tables, **asked)
    assert ours["verdict_from_at"].tolist() == others["verdict_from_at"].tolist() == asked["as_of"]
    checks = ["is_path_found", "is_within_validity", "is_name_match", "is_key_usage_right"]
    without_dated_hashes = ours[checks].fillna(value=False).all(axis=1)
    assert without_dated_hashes.tolist() == (others["openssl_verdict"] == "trusted").tolist(), ours["reason"]


def test_the_web_series_is_as_openssl_says() -> None:
    """Some leaves of each host, when they were issued and a second after their end, with the intermediates of its host.

    Each look is known to lie between the leaf's SCTs and the commit, within one period of one verdict.
    """
    series = read(ROOT_FOLDER / "data/web-series")
    roots = load_roots("certifi")
    replayed = replay_trust(series, roots=roots, since=now("2023-01-01"), until=now("2028-01-01"))
    observed = verify_chains(series, roots=roots, intermediates="held")
    observed = observed.dropna(subset="verdict_from_at").drop_duplicates("leaf_sha256")
    paths = observed.dropna(subset="path_sha256").set_index("host")["path_sha256"]
    roots = [root for root in roots if hashlib.sha256(root).hexdigest() in {path[-1] for path in paths}]
    der = dict(zip(series.certificates["cert_sha256"], series.certificates["der"], strict=True))
    said = []
    chosen = observed.groupby("host").sample(n=2, random_state=1, replace=True).drop_duplicates("leaf_sha256")
    for _, row in chosen.iterrows():
        ends = x509.load_der_x509_certificate(der[row["leaf_sha256"]]).not_valid_after_utc
        for when in (row["verdict_from_at"].to_pydatetime(), ends + dt.timedelta(seconds=1)):
            period = replayed[(replayed["leaf_sha256"] == row["leaf_sha256"]) & (replayed["verdict_from_at"] <= when)]
            mine = period[period["verdict_until_at"] >= when]["verdict"].iloc[0] == "trusted"
            others = {der[sha256] for path in paths[paths.index == row["host"]] for sha256 in path[1:-1]}
            case = Case("series", (der[row["leaf_sha256"]], *others), roots, "", host=row["host"], when=when)
            assert mine == (compared(case)["openssl_verdict"] == "trusted"), (row["host"], when)
            said.append(mine)
    assert min(said.count(True), said.count(False)) > 7


def test_the_scts_in_a_leaf_bound_its_undated_looks_from_below() -> None:
    """Of a look nothing but the end of its time is known: the SCTs tell which verdict holds, and later looks do not."""
    series = read(ROOT_FOLDER / "data/web-series")
    signed = series.certificates.set_index("cert_sha256")["sct_at"]
    judged = verify_chains(series, roots=load_roots("certifi"), intermediates="held")
    trusted = judged[judged["verdict"] == "trusted"]
    assert trusted["looks"].sum() > 150
    assert (trusted["verdict_from_at"] >= trusted["leaf_sha256"].map(signed)).all()
