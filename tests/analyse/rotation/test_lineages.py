"""`find_lineages`: what joins certificates, and what links each to its predecessor."""

import pandas as pd

import toolkit
from tests.analyse.drawn import BEGIN, DAY, HOUR, certificates, looks, tables
from tests.conftest import ROOT
from toolkit import Tables
from toolkit.analyse.rotation.lineages import LINEAGES, find_lineages
from toolkit.columns import dtypes


def _links(given: Tables) -> dict[str, str]:
    """Certificate → `predecessor: linked_by`, with `?` where ambiguous."""
    found = find_lineages(given).set_index("cert_sha256")
    return {
        one: "" if pd.isna(row["predecessor_sha256"]) else
        f"{row['predecessor_sha256']}: {row['linked_by']}{'?' if row['is_ambiguous'] else ''}"
        for one, row in found.iterrows()
    }  # fmt: skip


def test_columns_and_dtypes():
    for given in (Tables.from_frames(), tables("AABB"), Tables.from_frames(certificates=certificates("AB"))):
        assert {name: str(dtype) for name, dtype in find_lineages(given).dtypes.items()} == dtypes(LINEAGES)


def test_what_served_links_whatever_changes():
    changes = {"names": {"B": ("mx.test", "new.test")}, "issuer": {"C": "CN=another"}, "spki_sha256": {"C": "key B"}}
    given = tables("AABBCC", **changes)
    assert _links(given) == {"A": "", "B": "A: served", "C": "B: served, key"}
    assert find_lineages(given)["lineage"].tolist() == ["RSA A"] * 3
    assert find_lineages(given)["services"].tolist() == [("smtp://mx.test:25",)] * 3


def test_gaps_in_observation_break_nothing():
    assert _links(tables("AA" + "." * 50 + "DD"))["D"] == "A: served, names"


def test_never_served_joins_by_names_and_by_key():
    known = certificates("ABCDE", names={"D": ("else.test",), "E": ("other.test",)}, spki_sha256={"D": "key C"})
    given = Tables.from_frames(looks("AACC"), known)
    assert _links(given) == {"A": "", "B": "A: names", "C": "B: names", "D": "C: key", "E": ""}
    assert find_lineages(given).set_index("cert_sha256").loc["B", "services"] == ()


def test_services_that_share_a_certificate_share_the_lineage():
    def served(host: str, shown: str) -> pd.DataFrame:
        return looks(shown).assign(service=f"smtp://{host}:25", host=host, server_name=host)

    names = {letter: (f"{letter.lower()}.test",) for letter in "ABCD"}
    given = Tables.from_frames(
        pd.concat([served("a.test", "AC"), served("b.test", "CD")]), certificates("ABCD", names=names)
    )
    found = find_lineages(given).set_index("cert_sha256")
    assert found.loc[["A", "C", "D"], "lineage"].tolist() == ["RSA A"] * 3
    assert found.loc["B", "lineage"] == "RSA B"
    assert found.loc["C", "services"] == ("smtp://a.test:25", "smtp://b.test:25")


def test_strangers_with_the_same_name_stay_apart():
    one = looks("A")
    other = looks("B").assign(service="smtp://b.test:25", host="b.test", server_name="b.test")
    given = Tables.from_frames(pd.concat([one, other]), certificates("AB", names=("localhost",)))
    assert find_lineages(given)["lineage"].nunique() == 2


def test_one_host_on_two_ports_joins_by_names():
    other = looks("B").assign(service="smtps://mx.test:465", port=465)
    assert _links(Tables.from_frames(pd.concat([looks("A"), other]), certificates("AB")))["B"] == "A: names"


def test_precertificates_are_one_with_their_final():
    same = {"serial": "7", "spki_sha256": "k", "not_before": BEGIN, "not_after": BEGIN + 90 * DAY}
    known = [certificates("A"), certificates("B", is_precertificate=True, **same), certificates("C", **same)]
    assert _links(Tables.from_frames(certificates=pd.concat(known))) == {"A": "", "C": "A: names"}
    alone = find_lineages(Tables.from_frames(certificates=pd.concat(known[:2])))
    assert alone["is_precertificate"].tolist() == [False, True]


def test_begun_together_is_one_generation():
    begin = certificates("B").loc[0, "not_before"]
    given = Tables.from_frames(certificates=certificates("ABCD", not_before={"C": begin + 2 * HOUR}))
    assert find_lineages(given)["generation"].tolist() == [0, 1, 1, 2]
    assert _links(given) == {"A": "", "B": "A: names?", "C": "A: names?", "D": "C: names?"}
    # A tenth of six days is less than a day.
    short = {"B": begin, "C": begin + 20 * HOUR}
    ends = {letter: at + 6 * DAY for letter, at in short.items()}
    given = Tables.from_frames(certificates=certificates("BC", not_before=short, not_after=ends))
    assert find_lineages(given)["generation"].tolist() == [0, 1]


def test_over_half_of_life_left_is_a_reissue():
    begin = certificates("A").loc[0, "not_before"]
    given = Tables.from_frames(certificates=certificates("AB", not_before={"B": begin + 44 * DAY}))
    assert find_lineages(given)["succession"].tolist()[1] == "reissue_or_parallel"
    given = Tables.from_frames(certificates=certificates("AB", not_before={"B": begin + 45 * DAY}))
    assert find_lineages(given)["succession"].tolist()[1] == "renewal"


def test_a_migration_is_a_new_lineage_with_a_link():
    found = find_lineages(tables("AAAABABBBBBB", key_type={"B": "EC"})).set_index("cert_sha256")
    assert found.loc["B", "lineage"] == "EC B"
    assert found.loc["B", "migrated_from"] == "RSA A"
    assert pd.isna(found.loc["A", "migrated_from"])


def test_a_pair_of_key_types_is_not_a_migration():
    assert find_lineages(tables("ABABABABAB", key_type={"B": "EC"}))["migrated_from"].isna().all()


def test_recorded_series():
    google = find_lineages(toolkit.read(ROOT / "data" / "google-mail"))
    smtp = google[google["subject"].str.startswith("CN=smtp.gmail.com")]
    assert len(google) == 17
    assert smtp["lineage"].nunique() == 2  # RSA, then EC
    web = find_lineages(toolkit.read(ROOT / "data" / "web-series"))
    assert (web.groupby("lineage")["services"].agg(lambda s: len(set(s))) == 1).all()
    assert web["lineage"].nunique() == 8
