"""The lab sample: what the notebooks teach is in it, it is small, and its certificates are those of its script."""

import runpy
from datetime import timedelta

import pytest

import toolkit
from tests.conftest import ROOT
from toolkit.analyse import find_sharing, summarise_expiry, summarise_support, verify_chains
from toolkit.lab import Lab

FOLDER = ROOT / "data" / "lab-sample"


@pytest.fixture(scope="module")
def sample() -> toolkit.Tables:
    return toolkit.read(FOLDER)


def test_it_is_labelled_lab_and_small(sample: toolkit.Tables) -> None:
    assert set(sample.observations["source"]) == {"lab"}
    assert all(host.endswith(".lab.test") for host in sample.observations["host"].unique())
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_500_000


def test_its_certificates_are_those_that_its_script_serves(sample: toolkit.Tables) -> None:
    made = runpy.run_path(str(ROOT / "data" / "make_lab_sample.py"))
    served = Lab(made["draw_schedule"](0), seed=made["SEED"]).truth.serving
    leaves = set(sample.certificates.loc[~sample.certificates["is_ca"], "cert_sha256"])
    assert leaves == set(served["leaf_sha256"])
    changed = [made["draw_schedule"](era).issues for era in range(len(made["ERAS"]))]
    assert changed[0] == changed[1] == changed[2], "software changes, certificates do not"


def test_it_shows_roll_outs_a_roll_back_a_late_backend_and_a_sticky_balancer(sample: toolkit.Tables) -> None:
    rotations = toolkit.find_rotations(sample)
    caught = rotations[(rotations["overlap_min_days"] > 0) & ~rotations["is_ambiguous"]]
    assert len(caught) >= 10
    assert caught["service"].nunique() >= 5
    assert rotations.loc[rotations["is_rollback"], "service"].tolist() == ["imaps://imap.lab.test:993"] * 2
    assert caught.nlargest(1, "overlap_min_days")["service"].item() == "smtps://submit.lab.test:465"
    assert rotations["overlap_max_days"].notna().any()
    pop = sample.observations[sample.observations["host"] == "pop.lab.test"]
    assert (pop.groupby("round")["leaf_sha256"].nunique() == 1).all(), "one backend a day"


def test_it_shows_what_expires_what_is_shared_and_what_fails(sample: toolkit.Tables) -> None:
    now = sample.observations["observed_at"].max()
    states = set(summarise_expiry(sample, now=now)["state"])
    assert {"valid", "replacing", "replaced", "expired"} <= states
    sharing = find_sharing(sample)
    assert sharing[sharing["shared"] == "certificate"]["service_count"].max() == 3
    assert {"deferred", "closed", "reset"} <= set(sample.observations["outcome"])
    trust = verify_chains(sample, roots=Lab("year").roots)
    assert "intermediate 1: it was not served" in set(trust["reason"].dropna())


def test_it_shows_what_is_no_longer_accepted_and_post_quantum_groups_that_are(sample: toolkit.Tables) -> None:
    now = sample.observations["observed_at"].max() + timedelta(days=1)
    ciphers = summarise_support(sample, now=now)
    legacy = ciphers[(ciphers["host"] == "legacy.lab.test") & (ciphers["basis"] == "survey")]
    taken = legacy[legacy["state"] == "accepted"].groupby("round")[["protocol", "cipher"]].agg(set)
    assert taken["protocol"].map(len).tolist() == [4, 3, 1, 1]
    assert [("RC4" in found, "3DES" in found) for found in taken["cipher"]] == [
        (True, True), (False, True), (False, False), (False, False),
    ]  # fmt: skip
    groups = summarise_support(sample, now=now, by="group")
    hybrid = groups[(groups["group"] == "X25519MLKEM768") & (groups["basis"] == "survey")]
    states = hybrid.pivot_table(index="round", columns="host", values="state", aggfunc="first")
    assert states["imap.lab.test"].tolist() == ["refused", "accepted", "accepted", "accepted"]
    assert states["www.lab.test"].tolist() == ["refused", "refused", "accepted", "accepted"]
