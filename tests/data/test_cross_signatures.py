"""The cross-signatures: certificates of one authority share its name and key, and every signature is right."""

import pandas as pd
import pytest

import toolkit
from toolkit import Tables
from toolkit.reference.stores import stored_roots


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toolkit.load_example("cross-signatures")


def names(certificates: pd.DataFrame) -> pd.Series:
    return certificates["subject"].str.extract("CN=([^,]+)")[0]


def test_how_much_there_is(tables: Tables) -> None:
    certificates = tables.certificates
    assert certificates["parse_error"].isna().all()
    assert names(certificates).value_counts().to_dict() == {
        "R3": 2, "GeoTrust Global CA": 1, "Google Internet Authority G2": 1, "ISRG Root X1": 1, "www.google.com": 1,
        "www.howsmyssl.com": 1,
    }  # fmt: skip
    assert tables.observations["chain_sha256"].map(len, na_action="ignore").tolist()[0] == 3


@pytest.mark.parametrize(
    ("root", "host", "at", "served"),
    [
        ("ff856a2d", "www.google.com", "2015-06-10T19:04:06Z", 2),  # GeoTrust Global CA
        ("96bcec06", "www.howsmyssl.com", "2021-10-15T00:00Z", 2),  # ISRG Root X1
        ("06872603", "www.howsmyssl.com", "2021-09-30T00:00Z", 3),  # DST Root CA X3, by way of ISRG Root X1
        ("06872603", "www.howsmyssl.com", "2021-09-01T00:00Z", 2),  # DST Root CA X3, which signed R3 as well
    ],
)
def test_a_path_to_one_root_alone(tables: Tables, root: str, host: str, at: str, served: int) -> None:
    """Which certificates a client needs that holds one root, and that each of their signatures verifies."""
    (der,) = (der for sha256, der in stored_roots().items() if sha256.startswith(root))
    (row,) = toolkit.verify_chains(
        Tables.from_frames(tables.observations[tables.observations["host"] == host], tables.certificates),
        roots=[der], as_of=at, intermediates="held",
    ).to_dict("records")  # fmt: skip
    assert row["verdict"] == "trusted"
    assert len(row["path_sha256"]) == served + 1
