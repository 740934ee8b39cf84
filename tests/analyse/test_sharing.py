"""`find_sharing` on a handful of services."""

import pandas as pd

from tests.analyse.drawn import at, certificates, looks
from toolkit import Tables
from toolkit.analyse.sharing import SHARING, find_sharing
from toolkit.columns import dtypes


def _service(name: str, shown: str, begin: float = 0) -> pd.DataFrame:
    return looks(shown, begin=begin).assign(service=f"smtp://{name}:25", host=name, server_name=name)


def _tables(*parts: pd.DataFrame, **changes: object) -> Tables:
    return Tables.from_frames(pd.concat(parts), certificates("ABC", **changes))


def test_columns_and_dtypes():
    for given in (Tables.from_frames(), _tables(_service("a", "A"), _service("b", "A"))):
        found = find_sharing(given)
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes(SHARING)


def test_who_shows_the_same_and_when():
    found = find_sharing(_tables(_service("a", "AABB"), _service("b", "AAA", begin=1), _service("c", "C")))
    certificate = found[found["shared"] == "certificate"]
    assert certificate["shared_sha256"].tolist() == ["A", "A"]
    assert certificate["service"].tolist() == ["smtp://a:25", "smtp://b:25"]
    assert certificate["looks"].tolist() == [2, 3]
    assert (certificate["service_count"] == 2).all()
    assert certificate["first_seen_at"].tolist() == [at(0), at(1)]
    assert (certificate["shared_from_at"] == at(1)).all()
    assert (certificate["shared_until_at"] == at(1)).all()
    assert found.loc[found["shared"] == "key", "shared_sha256"].tolist() == ["key A", "key A"]


def test_a_key_is_shared_by_different_certificates():
    found = find_sharing(_tables(_service("a", "A"), _service("b", "B"), spki_sha256={"B": "key A"}))
    assert found["shared"].tolist() == ["key", "key"]


def test_one_service_alone_shares_nothing():
    assert find_sharing(_tables(_service("a", "AB"), spki_sha256="same")).empty
    nameless = looks("A").assign(service=pd.NA)
    assert find_sharing(_tables(nameless, _service("a", "A"))).empty


def test_the_span_is_where_two_showed_it_at_once():
    parts = (
        _service("a", "AA"),
        _service("b", "AAAA", begin=2),
        _service("c", "AAA", begin=4),
        _service("d", "A", begin=9),
    )
    found = find_sharing(_tables(*parts))
    assert (found["shared_from_at"] == at(4)).all()
    assert (found["shared_until_at"] == at(5)).all()
    found = find_sharing(_tables(_service("a", "A"), _service("b", "A", begin=2)))
    assert found[["shared_from_at", "shared_until_at"]].isna().all(axis=None)
