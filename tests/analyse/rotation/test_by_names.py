"""`find_rotations` with `basis="names"`: on made certificates, and on the recorded ones of Google's mail."""

import pandas as pd

import toolkit
from tests.analyse.drawn import BEGIN, DAY, HOUR, certificates, described, looks, pairs
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse import find_rotations
from toolkit.analyse.rotation.pairs import CONFIDENCE_BOUNDS


def test_overlaps_of_googles_mail_certificates():
    found = described(toolkit.read(ROOT / "data" / "google-mail"), basis="names")
    smtp = found[found["host"] == "smtp.gmail.com"]
    overlaps = {
        tuple(str(row[side].date()) for side in ("predecessor_not_before", "predecessor_not_after",
                                                 "successor_not_before", "successor_not_after"))
        for _, row in smtp[smtp["validity_overlap_days"] > 0].iterrows()
    }  # fmt: skip
    assert overlaps == {
        ("2013-09-10", "2014-09-10", "2014-07-15", "2015-04-04"),
        ("2015-10-13", "2016-10-12", "2015-12-10", "2016-03-09"),
        ("2016-04-07", "2016-06-30", "2016-06-08", "2016-08-31"),
        ("2020-07-15", "2020-10-07", "2020-08-26", "2020-11-18"),
    }
    seen = ["predecessor_first_seen_at", "successor_last_seen_at", "start_max_at", "done_min_at", "overlap_min_days"]
    assert found[[*seen, *CONFIDENCE_BOUNDS]].isna().all(axis=None)


def test_groups_by_host_survive_a_change_of_names():
    known = certificates("ABC", names={"B": ("mx.test", "new.test")}, key_type={"C": "EC"})
    found = find_rotations(Tables.from_frames(certificates=known), basis="names")
    assert pairs(found) == ["A>B"]
    assert found["host"].tolist() == ["mx.test"]


def test_unobserved_certificates_join_the_hosts_they_cover():
    known = certificates(
        "ABCD", names={"B": ("*.new.test",), "C": ("*.mx.new.test",), "D": ("else.test", "again.test")}
    )
    both = looks("A").assign(host=["mx.new.test"])
    more = certificates("E", names=("again.test", "else.test"))
    found = find_rotations(Tables.from_frames(both, pd.concat([known, more])), basis="names")
    assert list(zip(found["host"], pairs(found), strict=True)) == [
        ("again.test, else.test", "D>E"),
        ("mx.new.test", "A>B"),
    ]


def test_several_of_one_generation_are_ambiguous():
    begin = certificates("B").loc[0, "not_before"]
    known = certificates("ABCD", not_before={"C": begin + 2 * HOUR})
    found = find_rotations(Tables.from_frames(certificates=known), basis="names")
    assert pairs(found) == ["A>B?", "A>C?", "B>D?", "C>D?"]


def test_precertificates_are_one_with_their_final():
    same = {"serial": "7", "spki_sha256": "k", "not_before": BEGIN, "not_after": BEGIN + 90 * DAY}
    pre = certificates("B", is_precertificate=True, **same)
    final = certificates("C", **same)
    assert pairs(find_rotations(Tables.from_frames(certificates=pd.concat([certificates("A"), pre, final])),
                                basis="names")) == ["A>C"]  # fmt: skip
