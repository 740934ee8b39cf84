"""Trust stores: what each decided about a root and a leaf on a day, and the documented dates of known removals."""

import datetime as dt
import hashlib
from dataclasses import replace
from importlib.resources import files

import pandas as pd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import toolkit
from tests.analyse.trust.minted import Minted, mint_ca, mint_leaf, served
from toolkit.analyse.trust.anchors import Anchors, find_anchors
from toolkit.analyse.trust.certificates import Certificate, read_certificate
from toolkit.certificates.timestamps import Timestamp
from toolkit.errors import UsageError
from toolkit.reference.ct_logs import log_operators
from toolkit.reference.roots import split_pem
from toolkit.reference.stores import (
    Announcement,
    Limit,
    Period,
    TrustStore,
    stored_roots,
    trust_stores,
    with_release,
)

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

DST_X3 = "0687260331a72403d909f105e69bcf0d32e1bd2493ffc6d9206d11bcd6770739"
ENTRUST_G2 = "43df5774b03e7fef5fe40d931a7bedf1bb2e6b42738c4e6d3841103d3aa7f339"
GEOTRUST = "ff856a2d251dcd88d36656f450126798cfabaade40799c722de4d2b5db36a73a"
VERISIGN_G5 = "9acfab7e43c8d880d06b262a94deeee4b4659989c3d0caf19baf6405e41ab7df"
CNNIC = "e28393773da845a679f2080cc7fb44a3b7a1c3792cb7eb7729fdcb6a8d99aea7"
GLOBALSIGN_R3 = "cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b"
STARTCOM = "c766a9bef2d4071c863a31aa4920e813b2d198608cb7b7cfe21143b836df09ea"
GTS_R1 = "d947432abde7b7fa90fc2e6b59101b1280e0e1c7e4e40fa3c6887fff57a7f4cf"
GLOBALSIGN_R46 = "4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9"
ISRG_X2 = "69729b8e15a86efc177a57afb7171dfc64add28c2fca8cf1507e34453ccb1470"
GTS_R2 = "8d25cd97229dbf70356bda4eb3cc734031e24cf00fafcfd32dc76eb5841c7ea8"

VECTORS = files("cryptography_vectors") / "x509"


def day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def known(sha256: str) -> Certificate:
    read = read_certificate(stored_roots()[sha256])
    assert isinstance(read, Certificate)
    return read


KNOWN_LOG = next(iter(log_operators()))


def standing(
    store: str,
    sha256: str,
    instant: str,
    *,
    issued: str = "2020-01-01",
    sct: str | None = "2020-01-01",
    log: str = KNOWN_LOG,
    below: tuple[Certificate, ...] = (),
) -> tuple:
    """Whether the store trusts the root on that day for a leaf of those dates, and the cause where it does not.

    `below` are the intermediates of the path.
    """
    anchors = find_anchors(store, toolkit.load_example("lab-sample").certificates)
    leaf = replace(known(sha256), not_before=day(issued), scts=(Timestamp(log, day(sct)),) if sct else ())
    found = anchors.standing((leaf, *below, known(sha256)), day(instant))
    return found.is_trusted, found.cause


def test_dst_root_x3_left_the_stores_when_their_records_say() -> None:
    # NSS 3.74, Bug 1733560, committed on 2021-12-13; certifi 2022.5.18; OpenJDK between two looks of 2021.
    assert standing("mozilla", DST_X3, "2021-12-13") == (True, None)
    assert standing("mozilla", DST_X3, "2021-12-14") == (False, "removal")
    assert standing("certifi", DST_X3, "2022-05-18") == (True, None)
    assert standing("certifi", DST_X3, "2022-05-19") == (False, "removal")
    assert standing("java", DST_X3, "2021-10-01") == (None, None), "between two looks"
    assert standing("java", DST_X3, "2021-11-01") == (False, "removal")
    assert standing("mozilla", DST_X3, "1999-01-01") == (None, None), "before the record"
    assert standing("mozilla", DST_X3, "2005-01-01") == (False, "not_included")
    assert standing("java", DST_X3, "2018-01-01") == (None, None)


@pytest.mark.parametrize(
    ("issued", "is_trusted"), [("2024-11-30", True), ("2024-12-01", False)], ids=["on the last day", "a day later"]
)
def test_entrust_is_distrusted_by_the_date_of_the_leaf(issued: str, is_trusted: bool) -> None:
    cause = None if is_trusted else "distrust_after"
    assert standing("mozilla", ENTRUST_G2, "2025-06-01", issued=issued) == (is_trusted, cause)
    assert standing("mozilla", ENTRUST_G2, "2024-11-01", issued=issued) == (True, None), "not yet set"
    assert standing("certifi", ENTRUST_G2, "2025-06-01", issued=issued)[0] is not None


@pytest.mark.parametrize(
    ("store", "last", "later", "from_"),
    [
        ("apple", "2024-11-15", "2024-11-16", "2024-11-16"),
        ("java", "2024-11-11", "2024-11-12", "2024-11-12"),
        ("oracle-java", "2024-11-11", "2024-11-12", "2024-11-12"),
        ("microsoft", "2025-04-16", "2025-04-17", "2025-04-17"),
    ],
)
def test_entrust_is_distrusted_where_only_an_announcement_says_so(
    store: str, last: str, later: str, from_: str
) -> None:
    assert standing(store, ENTRUST_G2, "2025-08-01", issued="2025-06-01") == (False, "distrust_after")
    assert standing(store, ENTRUST_G2, "2025-08-01", issued="2024-06-01") == (True, None)
    assert standing(store, ENTRUST_G2, "2025-08-01", issued=last) == (True, None)
    assert standing(store, ENTRUST_G2, from_, issued=later) == (False, "distrust_after")
    assert standing(store, ENTRUST_G2, "2024-11-01", issued=later) == (True, None), "not yet in effect"


@pytest.mark.parametrize(
    ("store", "issued", "distrusted"),
    [
        ("mozilla", "2024-12-01", "2024-12-01"), ("mozilla", "2024-11-30", None),
        ("apple", "2024-11-16", "2024-11-16"), ("apple", "2024-11-15", None),
        ("java", "2024-11-12", "2024-11-12"), ("java", "2024-11-11", None),
        ("microsoft", "2025-04-17", "2025-04-17"), ("microsoft", "2025-04-16", None),
    ],
)  # fmt: skip
def test_an_entrust_era_chain_across_stores(
    monkeypatch: pytest.MonkeyPatch, store: str, issued: str, distrusted: str | None
) -> None:
    """Made certificates: the root stands for Entrust G2, whose chains of those days are not recorded."""
    root = mint_ca("Root", begins=day("2020-01-01"), ends=day("2030-01-01"))
    leaf = mint_leaf(root, begins=day(issued), ends=day("2025-12-01"))
    of_store, sha256 = trust_stores()[store], read_certificate(root.der).sha256
    rules = tuple(replace(rule, cert_sha256=sha256) for rule in of_store.announced if rule.cert_sha256 == ENTRUST_G2)
    made = replace(of_store, periods={sha256: of_store.periods[ENTRUST_G2]}, announced=rules, requires_scts_since=None)
    replayed = replay(monkeypatch, made, [leaf], root, since="2024-01-01T00:00Z", until="2025-11-30T00:00Z")
    valid = replayed[replayed["leaf_validity"] == "valid"]
    assert set(valid["verdict"]) == ({"untrusted"} if distrusted else {"trusted"})
    assert list(valid["cause"].dropna().unique()) == (["distrust_after"] if distrusted else [])
    assert valid["verdict_from_at"].min() == day(issued)


@pytest.mark.parametrize("store", ["java", "oracle-java"])
def test_java_limits_the_roots_of_symantec(store: str) -> None:
    assert standing(store, GEOTRUST, "2019-08-01", issued="2019-06-01") == (False, "distrust_after")
    assert standing(store, GEOTRUST, "2019-08-01", issued="2019-04-16") == (True, None)
    assert standing(store, GEOTRUST, "2019-04-16", issued="2019-06-01") == (True, None), "not yet in effect"


def test_firefox_limited_roots_of_which_certdata_did_not_show_it() -> None:
    assert standing("mozilla", STARTCOM, "2017-03-01", issued="2016-12-01") == (False, "distrust_after")
    assert standing("mozilla", STARTCOM, "2017-03-01", issued="2016-10-20") == (True, None)
    assert standing("mozilla", STARTCOM, "2016-12-02", issued="2016-12-01") == (True, None), "before Firefox 51"
    assert standing("mozilla", STARTCOM, "2017-11-01", issued="2016-12-01") == (False, "removal")
    assert standing("mozilla", CNNIC, "2016-01-01", issued="2015-04-01") == (False, "distrust_after")
    assert standing("mozilla", CNNIC, "2016-01-01", issued="2015-03-31") == (True, None)


@pytest.mark.parametrize("store", sorted(trust_stores().keys() - {"chrome"}))  # which held Entrust before its record
def test_an_announcement_names_a_root_that_the_store_trusted(store: str) -> None:
    periods = trust_stores()[store].periods
    for announced in trust_stores()[store].announced:
        if announced.effect == "added":
            assert announced.since >= trust_stores()[store].until, "within the record, the record itself shows it"
            assert announced.cert_sha256 not in periods
        elif announced.cert_sha256 is not None:
            first = periods[announced.cert_sha256][0]
            states = [period.state for period in periods[announced.cert_sha256] if period.since <= announced.since]
            assert "trusted" in states or first.since == trust_stores()[store].since, announced


def test_chrome_goes_by_the_earliest_sct() -> None:
    # Google's security blog: SCTs after 2024-11-11 11:59:59 PM UTC. What Chrome's store held then is not recorded.
    assert standing("chrome", ENTRUST_G2, "2025-06-01", sct="2024-11-12") == (False, "distrust_after")
    assert standing("chrome", ENTRUST_G2, "2025-06-01", sct="2024-11-11") == (None, None)
    assert standing("chrome", ENTRUST_G2, "2025-06-01", sct=None) == (None, None), "no SCT in the leaf"
    assert standing("chrome", ENTRUST_G2, "2024-11-01", sct="2024-11-12") == (None, None), "announced for later"


def test_a_limit_by_scts_is_not_passed_over_without_an_sct_of_a_known_log() -> None:
    # Chromium's SCTNotAfter asks for one SCT of a known log in time (its tests: SctNotAfterLogUnknown).
    root = known(ENTRUST_G2)
    held = Period("trusted", None, day("2020-01-01"), None, None, Limit("sct", day("2024-11-11")), "made", "")
    store = replace(trust_stores()["chrome"], since=day("2020-01-01"), announced=(), periods={ENTRUST_G2: (held,)})
    anchors = Anchors([root], store)
    for scts, is_trusted in [
        ((), None),
        ((Timestamp(KNOWN_LOG, day("2024-11-12")),), False),
        ((Timestamp("unknown", day("2024-11-12")),), False),
        ((Timestamp("unknown", day("2024-11-10")), Timestamp(KNOWN_LOG, day("2024-11-12"))), None),
        ((Timestamp("unknown", day("2024-11-12")), Timestamp(KNOWN_LOG, day("2024-11-10"))), True),
    ]:
        leaf = replace(root, not_before=day("2024-11-10"), scts=scts)
        assert anchors.standing((leaf, root), day("2025-06-01")).is_trusted is is_trusted, scts


def test_an_announced_limit_by_scts_leaves_a_leaf_without_them_unknown() -> None:
    root = known(GLOBALSIGN_R3)
    limit = Limit("sct", day("2026-12-01"))
    announced = Announcement(root.sha256, None, None, "limited", day("2026-12-01"), limit, "made", "made", "")
    store = replace(trust_stores()["chrome"], announced=(announced,))
    leaf = replace(root, not_before=day("2026-11-01"), scts=())
    found = Anchors([root], store).standing((leaf, root), day("2027-01-01"))
    assert (found.is_trusted, "holds none" in str(found.reason)) == (None, True)


@pytest.mark.parametrize(("store", "first"), [("chrome", "2018-05-01"), ("apple", "2018-10-16")])
def test_a_leaf_without_scts_is_not_said_to_be_trusted(store: str, first: str) -> None:
    at = f"{trust_stores()[store].until:%Y-%m-%d}"
    before = f"{day(first) - dt.timedelta(days=1):%Y-%m-%d}"
    assert standing(store, GLOBALSIGN_R3, at, issued=before, sct=None) == (True, None)
    assert standing(store, GLOBALSIGN_R3, at, issued=first, sct=None) == (None, None)
    assert standing(store, GLOBALSIGN_R3, at, issued=first, sct=first) == (True, None)


def test_firefox_requires_scts_from_a_day_on_whenever_the_leaf_was_issued() -> None:
    assert standing("mozilla", GLOBALSIGN_R3, "2025-02-03", issued="2024-12-01", sct=None) == (True, None)
    assert standing("mozilla", GLOBALSIGN_R3, "2025-02-04", issued="2024-12-01", sct=None) == (None, None)
    assert standing("mozilla", GLOBALSIGN_R3, "2025-02-04", issued="2024-12-01") == (True, None)
    anchors, root = Anchors([], trust_stores()["mozilla"]), known(GLOBALSIGN_R3)
    assert day("2025-02-04") in anchors.edges(root, root)
    with_sct = replace(root, scts=(Timestamp(KNOWN_LOG, day("2024-12-01")),))
    assert day("2025-02-04") not in anchors.edges(root, with_sct), "nothing changes for it on that day"


@pytest.mark.parametrize(("kind", "digest"), [("Ed25519", None), ("EC", hashes.SHA224())], ids=["Ed25519", "SHA-224"])
def test_only_some_clients_accept_ed25519_and_sha224(
    monkeypatch: pytest.MonkeyPatch, kind: str, digest: hashes.HashAlgorithm | None
) -> None:
    root = mint_ca("Root")
    leaf = mint_leaf(root, kind=kind, digest=digest)
    for name, verdict in (("mozilla", "untrusted"), ("java", "trusted"), ("certifi", "trusted")):
        store = replace(made_store(root), accepts=trust_stores()[name].accepts)
        replayed = replay(monkeypatch, store, [leaf], root)
        row = replayed[replayed["verdict_from_at"] == day("2026-02-10")].iloc[0]
        assert row["verdict"] == verdict, (name, row["reason"])
    assert Anchors([], trust_stores()["java"]).accepted(day("2020-09-14")) == {"SHA224"}, "before JDK 15"


@pytest.mark.parametrize("store", ["mozilla", "chrome"])
def test_younger_keys_are_removed_fifteen_years_after_their_creation(store: str) -> None:
    x1 = "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6"  # valid from 2015-06-04 11:04:38
    assert standing(store, x1, "2030-06-04") == (True, None)
    assert standing(store, x1, "2030-06-05") == (False, "key_age")
    (rule,) = [one for one in trust_stores()[store].announced if one.key_years]
    assert rule.of_key(day("2016-02-29")).since == day("2031-03-01")
    assert not rule.concerns(x1, day("2014-04-14"))


def test_symantecs_roots_are_limited_and_then_removed_in_mozillas_store() -> None:
    # Bug 1618404 (NSS 3.53), removed in NSS 3.60. Only the CAs that Firefox exempts were trusted so late.
    exempt = (google_g2(),)
    assert standing("mozilla", GEOTRUST, "2020-05-01", issued="2020-02-01", below=exempt) == (True, None)
    assert standing("mozilla", GEOTRUST, "2020-06-01", issued="2020-02-01", below=exempt) == (False, "distrust_after")
    assert standing("mozilla", GEOTRUST, "2020-06-01", issued="2019-12-31", below=exempt) == (True, None)
    assert standing("mozilla", GEOTRUST, "2020-06-01", issued="2019-12-31") == (False, "distrust"), "Firefox 64"
    assert standing("mozilla", GEOTRUST, "2020-12-02", issued="2019-12-31", below=exempt) == (False, "removal")


def google_g2() -> Certificate:
    """Google Internet Authority G2, issued by GeoTrust Global CA."""
    ders = toolkit.load_example("cross-signatures").certificates.set_index("cert_sha256")["der"]
    read = read_certificate(next(der for sha256, der in ders.items() if sha256.startswith("c3f697a9")))
    assert isinstance(read, Certificate)
    return read


def test_firefox_distrusted_symantec_in_two_steps_except_below_some_sub_cas() -> None:
    for at, issued, found in [
        ("2018-05-08", "2016-05-31", (True, None)),
        ("2018-05-09", "2016-05-31", (False, "distrust_after")),  # Firefox 60
        ("2018-05-09", "2016-06-01", (True, None)),
        ("2018-12-10", "2016-06-01", (True, None)),
        ("2018-12-11", "2016-06-01", (False, "distrust")),  # Firefox 64
    ]:
        assert standing("mozilla", GEOTRUST, at, issued=issued) == found, (at, issued)
        assert standing("mozilla", GEOTRUST, at, issued=issued, below=(google_g2(),)) == (True, None)
        assert standing("certifi", GEOTRUST, at, issued=issued) == (True, None), "a list without a verifier"


def test_apple_distrusted_symantec_by_the_leafs_date_and_then_wholly() -> None:
    for at, issued, found in [
        ("2018-07-31", "2016-05-31", (True, None)),
        ("2018-08-01", "2016-05-31", (False, "distrust_after")),
        ("2018-08-01", "2017-12-02", (False, "distrust_after")),
        ("2018-08-01", "2017-12-01", (True, None)),
        ("2020-02-25", "2017-12-01", (False, "distrust")),
    ]:
        assert standing("apple", GEOTRUST, at, issued=issued, sct=issued) == found, (at, issued)
        unclear = standing("apple", GEOTRUST, at, issued=issued, sct=issued, below=(google_g2(),))
        assert unclear == ((True, None) if found[0] else (None, None)), "Apple's list of exceptions was not read"
    assert standing("apple", GEOTRUST, "2018-08-01", issued="2017-12-01", sct=None) == (None, None), "must be published"
    for at, found in [("2018-07-31", (True, None)), ("2018-08-01", (None, None)), ("2021-03-01", (None, None))]:
        assert standing("apple", VERISIGN_G5, at, issued="2016-06-08") == found, "is it on Apple's list?"


def test_apple_limits_startcom() -> None:
    assert standing("apple", STARTCOM, "2018-01-01", issued="2016-11-30") == (True, None)
    assert standing("apple", STARTCOM, "2018-01-01", issued="2016-12-01") == (False, "distrust_after")


@pytest.mark.parametrize("store", ["java", "oracle-java"])
def test_java_exempts_two_sub_cas_of_apple_for_a_time(store: str) -> None:
    """The cases of OpenJDK's own test, X509TrustManagerImpl/Symantec/Distrust.java, with another CA for Apple's."""
    of_java, root, exempt = trust_stores()[store], known(GEOTRUST), google_g2()
    key = hashlib.sha256(exempt.key).hexdigest()
    rules = (replace(rule, exempt=frozenset({key} if rule.exempt else ())) for rule in of_java.announced)
    anchors = Anchors([root], replace(of_java, announced=tuple(rules)))
    for issued, below, is_trusted in [
        ("2019-04-16", (), True),
        ("2019-04-17", (), False),
        ("2019-12-31", (exempt,), True),
        ("2020-01-01", (exempt,), False),
    ]:
        leaf = replace(root, not_before=day(issued))
        assert anchors.standing((leaf, *below, root), day("2020-02-01")).is_trusted is is_trusted, (issued, below)


@pytest.mark.parametrize("created", ["9985-01-01", "9999-12-31"])
def test_a_key_that_grows_too_old_after_the_year_9999_is_not_an_error(created: str) -> None:
    (rule,) = trust_stores()["chrome"].announced_for("00" * 32, day(created))
    assert rule.since.year == 9999


def test_a_key_needs_an_instant_with_a_zone() -> None:
    with pytest.raises(UsageError, match="no zone"):
        trust_stores()["chrome"].announced_for("00" * 32, dt.datetime(2015, 6, 4))  # noqa: DTZ001


def test_after_the_record_a_root_that_it_never_held_is_unknown_unless_announced() -> None:
    assert standing("java", ISRG_X2, "2021-06-01") == (False, "not_included")
    assert standing("java", ISRG_X2, "2025-06-01") == (None, None)
    assert standing("chrome", GTS_R2, "2031-12-01") == (False, "key_age"), "announced"
    anchors = find_anchors("java", toolkit.load_example("lab-sample").certificates)
    root = known(ISRG_X2)
    reason = str(anchors.standing((root, root), day("2025-06-01")).reason)
    assert "it is not in java at any time of its record" in reason
    assert "whether it was added after the record ended on 2022-01-24 is not known" in reason


@pytest.mark.parametrize(
    ("store", "root", "before", "since"),
    [
        ("java", GTS_R1, "2023-05-02", "2023-05-03"),  # JDK-8307134
        ("java", GLOBALSIGN_R46, "2024-07-15", "2024-07-16"),  # JDK-8316138, JDK 22.0.2
        ("oracle-java", GLOBALSIGN_R46, "2024-07-15", "2024-07-16"),
    ],
)
def test_java_added_roots_after_its_record(store: str, root: str, before: str, since: str) -> None:
    assert standing(store, root, "2019-06-01") == (False, "not_included")
    assert standing(store, root, before) == (None, None), "the record is over, and nothing is announced by then"
    assert standing(store, root, since) == (True, None)
    anchors = find_anchors(store, toolkit.load_example("lab-sample").certificates)
    assumption = str(anchors.standing((known(root), known(root)), day(since)).assumption)
    assert assumption.startswith(f"{store} has not changed since it added the root on {since} (JDK-83")


def test_a_limit_counts_for_a_root_that_was_added_after_the_record() -> None:
    root, of_java = known(GTS_R1), trust_stores()["java"]
    limit = Limit("not_before", day("2027-01-01"))
    later = Announcement(root.sha256, None, None, "limited", day("2027-01-02"), limit, "made", "made", "")
    anchors = Anchors([root], replace(of_java, announced=(*of_java.announced, later)))
    for issued, expected in (("2026-12-31", True), ("2027-01-02", False)):
        path = (replace(root, not_before=day(issued)), root)
        assert anchors.standing(path, day("2027-02-01")).is_trusted is expected


@pytest.mark.parametrize("store", sorted(trust_stores()))
def test_what_a_store_removed_stays_refused_after_its_record(store: str) -> None:
    """Chrome's record has one version, so that no root was seen removed there."""
    of_store, ends = trust_stores()[store], trust_stores()[store].until
    anchors, stored = find_anchors(store, toolkit.load_example("lab-sample").certificates), stored_roots()
    ended = [sha256 for sha256, periods in of_store.periods.items() if periods[-1].until_before and sha256 in stored]
    roots = [root for sha256 in ended if isinstance(root := read_certificate(stored[sha256]), Certificate)]
    assert bool(roots) is (store != "chrome")
    for root in roots:
        later = anchors.standing((root, root), ends)
        assert (later.is_trusted, later.cause) == (False, "removal")
        assert later.assumption == f"{store} has not added the root again since its record ended on {ends:%Y-%m-%d}"
        assert anchors.standing((root, root), day("2040-01-01")) == later, "also past what is announced for its age"
        if of_store.periods[root.sha256][-1].until_before < ends:
            recorded = anchors.standing((root, root), ends - dt.timedelta(seconds=1))
            assert recorded == replace(later, assumption=None)


def test_after_the_record_a_distrusted_root_is_refused_until_it_is_added() -> None:
    root = known(GLOBALSIGN_R3)
    held = Period("distrusted", None, day("2020-01-01"), None, None, None, "made", "")
    store = replace(trust_stores()["java"], announced=(), periods={root.sha256: (held,)})
    anchors = Anchors([root], store)
    assert anchors.standing((root, root), day("2022-01-23")).assumption is None
    refused = anchors.standing((root, root), day("2022-01-24"))
    assert (refused.cause, str(refused.assumption)[:31]) == ("distrust", "java has not added the root aga")
    added = Announcement(root.sha256, None, None, "added", day("2024-01-01"), None, "made", "made", "")
    again = Anchors([root], replace(store, announced=(added,)))
    assert again.standing((root, root), day("2023-12-31")).is_trusted is False
    assert again.standing((root, root), day("2024-01-01")).is_trusted is True


@pytest.mark.parametrize(
    ("issued", "at", "expected"),
    [("2016-06-08", "2018-01-15", (None, None)), ("2017-09-26", "2018-01-15", (None, None)),
     ("2017-09-27", "2017-10-15", (False, "distrust_after")), ("2017-09-27", "2018-01-15", (False, "distrust_after")),
     ("2018-01-01", "2018-01-15", (False, "distrust"))],
)  # fmt: skip
def test_microsoft_lists_roots_as_distrusted_whose_older_leaves_it_may_trust(
    issued: str, at: str, expected: tuple[bool | None, str | None]
) -> None:
    # Microsoft set a NotBefore date of 2017-09-26 for StartCom; older leaves were to be trusted until they expired.
    assert standing("microsoft", STARTCOM, at, issued=issued) == expected


def test_a_path_through_a_certificate_that_is_listed_so_is_unknown_as_well() -> None:
    root, middle = known(GLOBALSIGN_R3), known(STARTCOM)
    microsoft = trust_stores()["microsoft"]
    for issued, is_trusted, count in (("2016-06-08", None, 0), ("2018-01-01", True, 1)):
        leaf = replace(root, not_before=day(issued))
        anchors, path = Anchors([root], microsoft), (leaf, middle, root)
        assert anchors.standing(path, day("2018-01-15")).is_trusted is is_trusted
        assert len(anchors.find_distrusted(path[:-1], day("2018-01-15"))) == count


def test_what_is_announced_counts_from_its_day() -> None:
    anchors = find_anchors("chrome", toolkit.load_example("lab-sample").certificates)
    root = known(GLOBALSIGN_R3)  # its key is of 2009-03-18
    before, after = (anchors.standing((root, root), day(text)) for text in ("2027-04-14", "2027-04-15"))
    assert (before.is_trusted, before.assumption) == (
        True,
        "chrome has not changed since its record ended on 2026-11-29",
    )
    assert (after.is_trusted, after.cause) == (False, "key_age")
    assert "Root CA Term-Limit" in str(after.reason)
    assert standing("mozilla", GTS_R2, "2026-04-09")[0] is True
    assert standing("mozilla", GTS_R2, "2026-04-10") == (False, "removal")
    assert standing("chrome", GTS_R2, "2026-11-28") == (True, None)


@pytest.mark.parametrize(
    ("root", "at", "expected"),
    [
        ("86a1ecba", "2026-10-19", (True, None)),  # emSign ECC Root CA - G3
        ("86a1ecba", "2026-10-20", (False, "removal")),
        ("125609aa", "2026-11-29", (False, "removal")),  # emSign Root CA - C1
        ("552f7bdc", "2026-10-23", (True, None)),  # DigiCert Trusted Root G4
        ("552f7bdc", "2026-11-29", (None, None)),
        ("8fe4fb0a", "2026-11-29", (True, None)),  # QuoVadis Root CA 2 G3
    ],
)
def test_mozilla_changed_after_its_record(root: str, at: str, expected: tuple[bool | None, str | None]) -> None:
    """Release notes of NSS 3.131.1; webpki-roots 1.0.12, which Firefox ESR 153.8.0 of 2026-11-17 contradicts."""
    (sha256,) = (held for held in trust_stores()["mozilla"].periods if held.startswith(root))
    assert standing("mozilla", sha256, at) == expected


def test_chrome_distrusted_symantec_before_it_had_a_store() -> None:
    assert standing("chrome", GEOTRUST, "2018-04-16", issued="2016-05-31") == (None, None)
    assert standing("chrome", GEOTRUST, "2018-04-17", issued="2016-05-31") == (False, "distrust_after")
    assert standing("chrome", GEOTRUST, "2018-04-17", issued="2016-06-01") == (None, None), "the platform's roots"
    assert standing("chrome", GEOTRUST, "2018-03-05", issued="2017-12-02") == (None, None), "before Chrome 65"
    assert standing("chrome", GEOTRUST, "2018-03-06", issued="2017-12-01") == (None, None)
    assert standing("chrome", GEOTRUST, "2018-03-06", issued="2017-12-02") == (False, "distrust_after")
    assert standing("chrome", GEOTRUST, "2018-10-16", issued="2017-06-01") == (False, "distrust")
    rules = [rule for rule in trust_stores()["chrome"].announced if rule.cert_sha256 == GEOTRUST]
    of_firefox = next(rule for rule in trust_stores()["mozilla"].announced if rule.cert_sha256 == GEOTRUST)
    assert {len(of_firefox.exempt - rule.exempt) for rule in rules} == {1}, "Chrome's list lacks a CA of Apple"


def test_a_symantec_era_chain_across_stores() -> None:
    chain = split_pem((VECTORS / "cryptography.io.chain.pem").read_bytes(), "chain")
    tables = served(chain, host="www.cryptography.io", when=day("2015-01-01"))
    replayed = toolkit.replay_trust(
        tables, stores=["mozilla", "certifi", "apple"], since="2014-01-01T00:00Z", until="2019-01-01T00:00Z"
    )
    assert set(replayed["store"]) == {"mozilla", "certifi", "apple"}
    inside = replayed[replayed["leaf_validity"] == "valid"].set_index("store")
    assert inside.loc["certifi", "verdict"] == "trusted"
    assert list(inside.loc["mozilla", "verdict"]) == ["trusted", "untrusted"]
    assert list(inside.loc["apple", "verdict"]) == ["unknown", "trusted", "untrusted"]
    assert "the record of apple begins on 2017-12-26" in inside.loc["apple", "reason"].iloc[0]
    ends = inside[inside["cause"] == "distrust_after"]["verdict_from_at"]
    assert dict(ends) == {"mozilla": day("2018-05-09"), "apple": day("2018-08-01")}, "Firefox 60, Apple's page"
    outside = replayed[replayed["leaf_validity"] != "valid"]
    assert set(outside["cause"]) == {"expiry", "not_yet_valid"}, "never a question for the store"


def test_a_chain_to_dst_root_x3_across_stores() -> None:
    chain = [
        split_pem((VECTORS / name).read_bytes(), name)[0] for name in ("cryptography-scts.pem", "letsencryptx3.pem")
    ]
    tables = served(chain, host="cryptography.io", when=day("2018-10-01"))
    for store in ("mozilla", "certifi", "apple", "microsoft", "android"):
        row = toolkit.verify_chains(tables, roots=store, as_of="2018-12-01T00:00Z").iloc[0]
        assert (row["verdict"], row["path_sha256"][-1]) == ("trusted", DST_X3), row["reason"]


@pytest.mark.parametrize(
    ("store", "at", "verdict", "cause"),
    [
        ("mozilla", "2021-09-30", "trusted", None),
        ("mozilla", "2021-10-01", "untrusted", "expiry"),
        ("android", "2021-10-01", "trusted", None),
        ("android", "2021-11-21", "untrusted", "expiry"),  # the leaf has expired
    ],
)
def test_android_alone_trusts_dst_root_x3_after_its_end(
    monkeypatch: pytest.MonkeyPatch, store: str, at: str, verdict: str, cause: str | None
) -> None:
    """A client that does not hold ISRG Root X1, with Let's Encrypt's default chain since 2021-05-04."""
    ders = toolkit.load_example("cross-signatures").certificates.set_index("cert_sha256")["der"]
    leaf, middle, cross_sign = (
        next(der for sha256, der in ders.items() if sha256.startswith(start))
        for start in ("e5e2b93e", "67add116", "6d99")
    )
    tables = served([leaf, middle, cross_sign], host="www.howsmyssl.com", when=day(at))
    anchors = Anchors([known(DST_X3)], trust_stores()[store])
    monkeypatch.setattr("toolkit.analyse.trust.verify.find_anchors", lambda *_: anchors)
    verdicts = toolkit.verify_chains(tables, roots=store, as_of=day(at))
    (row,) = toolkit.describe_chains(verdicts, tables).to_dict("records")
    assert (row["verdict"], None if pd.isna(row["cause"]) else row["cause"]) == (verdict, cause), row["reason"]
    assert (len(row["path_sha256"]), row["path_sha256"][-1]) == (4, DST_X3)
    ends = {"mozilla": "2021-09-30T14:01:15Z", "android": "2021-11-20T01:09:17Z"}  # of the root, of the leaf
    assert row["valid_until_at"] == pd.Timestamp(ends[store])


def test_of_paths_of_one_length_the_order_of_the_certificates_decides() -> None:
    """Not the order of a set, which differs from process to process."""
    crossed = toolkit.load_example("cross-signatures")
    looks = crossed.within(services="https://www.howsmyssl.com:443").observations
    ordered = crossed.certificates.sort_values("cert_sha256")
    roots = []
    for certificates in (ordered, ordered.iloc[::-1]):
        tables = toolkit.Tables.from_frames(looks, certificates)
        judged = toolkit.verify_chains(tables, roots="mozilla", as_of="2021-09-01T00:00Z", intermediates="held")
        roots.append(judged["path_sha256"].iloc[0][-1])
    assert sorted(root[:8] for root in roots) == ["06872603", "96bcec06"], "DST Root CA X3 and ISRG Root X1"


def test_only_the_end_of_the_root_may_go_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    expired = {"begins": day("2025-01-01"), "ends": day("2026-01-15")}
    for root, middle_dates, verdict in (
        (mint_ca("Root", **expired), {}, "trusted"),
        (mint_ca("Root"), expired, "untrusted"),
    ):
        middle = mint_ca("Middle", root, **middle_dates)
        store = replace(made_store(root), checks_root_expiry=False)
        replayed = replay(monkeypatch, store, [mint_leaf(middle), middle], root)
        row = replayed[replayed["verdict_from_at"] == day("2026-02-10")].iloc[0]
        assert row["verdict"] == verdict, row["reason"]


def made_store(root: Minted, *, limit: Limit | None = None, announced: tuple[Announcement, ...] = ()) -> TrustStore:
    """A store with a record of 2026-02 and 2026-03 that trusted the root from 2026-02-10 until 2026-02-20 or later."""
    period = Period(
        "trusted", day("2026-02-05"), day("2026-02-10"), day("2026-02-20"), day("2026-02-25"), limit, "a", "b"
    )
    sha256 = read_certificate(root.der).sha256
    return TrustStore("made", "made", day("2026-02-01"), day("2026-03-01"), {sha256: (period,)}, announced, "", "")


def replay(
    monkeypatch: pytest.MonkeyPatch,
    store: TrustStore,
    chain: list[Minted],
    root: Minted,
    *,
    since: str = "2026-01-01T00:00Z",
    until: str = "2026-03-20T00:00Z",
) -> pd.DataFrame:
    read = read_certificate(root.der)
    assert isinstance(read, Certificate)
    monkeypatch.setattr("toolkit.analyse.trust.verify.find_anchors", lambda *_: Anchors([read], store))
    return toolkit.replay_trust(served([minted.der for minted in chain]), roots=[root.der], since=since, until=until)


def test_a_replay_shows_each_change_with_its_cause_and_what_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    root = mint_ca("Root")
    middle = mint_ca("Middle", root)
    replayed = replay(monkeypatch, made_store(root), [mint_leaf(middle), middle], root)
    steps = [
        (
            f"{row.verdict_from_at:%m-%d}",
            row.verdict,
            None if pd.isna(row.cause) else row.cause,
            not pd.isna(row.assumption),
        )
        for row in replayed.itertuples()
    ]
    assert steps == [
        ("01-01", "unknown", None, False),  # before the record
        ("02-01", "untrusted", "not_included", False),
        ("02-05", "unknown", None, False),  # added on a day that is not recorded
        ("02-10", "trusted", None, False),
        ("02-20", "unknown", None, False),  # removed on a day that is not recorded
        ("02-25", "untrusted", "removal", False),
        ("03-01", "untrusted", "removal", True),  # the record has ended: the root may have been added again
    ]
    elsewhere = mint_leaf(middle, names=[x509.DNSName("elsewhere.test")])
    named = replay(monkeypatch, made_store(root), [elsewhere, middle], root)
    assert named["assumption"].isna().all(), "the name is wrong, whatever the store decides"


def test_a_limit_is_compared_with_the_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    root = mint_ca("Root")
    leaf = mint_leaf(root)
    for until, verdict in ((day("2025-12-31"), "untrusted"), (day("2026-01-02"), "trusted")):
        store = made_store(root, limit=Limit("not_before", until))
        replayed = replay(monkeypatch, store, [leaf], root)
        row = replayed[replayed["verdict_from_at"] == day("2026-02-10")].iloc[0]
        assert row["verdict"] == verdict, row["reason"]


LIMIT = Limit("not_before", day("2025-12-31"))


@pytest.mark.parametrize(
    ("since", "is_named", "limit", "verdicts"),
    [
        ("2026-02-15", True, LIMIT, ["trusted", "untrusted"]),
        ("2026-02-15", True, None, ["trusted", "untrusted"]),
        ("2026-02-07", True, LIMIT, ["trusted", "trusted"]),  # the root was added after the announcement
        ("2026-02-15", False, None, ["trusted", "trusted"]),  # the record shows that the key was not removed
        ("2026-02-15", True, Limit("not_before", day("2026-01-02")), ["trusted", "trusted"]),
    ],
    ids=["a limit", "a removal", "put back", "by key age", "an older leaf"],
)
def test_an_announcement_counts_within_the_record_unless_this_contradicts_it(
    monkeypatch: pytest.MonkeyPatch, since: str, is_named: bool, limit: Limit | None, verdicts: list[str]
) -> None:
    root = mint_ca("Root")
    announced = Announcement(
        cert_sha256=read_certificate(root.der).sha256 if is_named else None,
        key_from=None,
        key_until=day("2026-12-31"),
        effect="limited" if limit else "removed",
        since=day(since),
        limit=limit,
        words="words",
        authority="source",
        url="",
    )
    replayed = replay(monkeypatch, made_store(root, announced=(announced,)), [mint_leaf(root)], root)
    shown = [
        replayed[(replayed["verdict_from_at"] <= at) & (at < replayed["verdict_until_at"])]["verdict"].item()
        for at in (day("2026-02-14"), day("2026-02-16"))
    ]
    assert shown == verdicts


def test_wrong_stores_are_refused() -> None:
    tables = toolkit.load_example("lab-sample")
    span = {"since": "2026-01-01T00:00Z", "until": "2026-02-01T00:00Z"}
    with pytest.raises(UsageError, match="either roots= or stores="):
        toolkit.replay_trust(tables, **span)
    with pytest.raises(UsageError, match="either roots= or stores="):
        toolkit.replay_trust(tables, roots="certifi", stores="certifi", **span)
    with pytest.raises(UsageError, match=r"stores: 'mozila' is not known\. Did you mean 'mozilla'"):
        toolkit.replay_trust(tables, stores=["mozila"], **span)
    with pytest.raises(UsageError, match="at least one store"):
        toolkit.replay_trust(tables, stores=[], **span)
    for stores in (5, b"mozilla", [["mozilla"]]):
        with pytest.raises(UsageError, match="oracle-java"):
            toolkit.replay_trust(tables, stores=stores, **span)


def test_a_newer_certifi_is_one_more_look_at_its_store() -> None:
    store = trust_stores()["certifi"]
    last = {sha256 for sha256, periods in store.periods.items() if periods[-1].until is None}
    gone, new = sorted(last)[0], "f" * 64
    newer = with_release(store, "2027.3.1", (last - {gone}) | {new})
    assert newer.until == day("2027-03-01")
    assert (newer.periods[gone][-1].until, newer.periods[gone][-1].until_before) == (store.until, day("2027-03-01"))
    assert (newer.periods[new][-1].since_after, newer.periods[new][-1].since) == (store.until, day("2027-03-01"))
    for release in ("2020.1.1", "unknown", "3"):
        assert with_release(store, release, ()) is store


@pytest.mark.parametrize("sha256", ["8290cc3f", "9532e8b5", "4bf6bb83"])  # mail.google.com, www.google.com, addons
def test_a_certificate_that_mozilla_lists_as_distrusted_is_not_trusted_below_a_trusted_root(sha256: str) -> None:
    """The certificates forged in March 2011 (Bug 642503), until then trusted through their authority."""
    (der,) = (der for known, der in stored_roots().items() if known.startswith(sha256))
    held = toolkit.Tables.from_frames(
        certificates=toolkit.schema.frame("certificates", [toolkit.certificates.parse_certificate(der)])
    )
    listed = pd.Timestamp("2011-04-13T00:10:27Z")
    days = [listed - pd.Timedelta(seconds=1), listed, pd.Timestamp("2012-02-01T00:00Z")]
    judged = pd.concat([toolkit.verify_chains(held, roots="mozilla", as_of=day) for day in days])
    assert judged["verdict"].tolist() == ["trusted", "untrusted", "untrusted"]
    assert judged["cause"].tolist()[1:] == ["distrust", "distrust"]
    assert judged["broken_sha256"].tolist()[1:] == [held.certificates["cert_sha256"][0]] * 2
