"""A zoo of hostile servers: each is observed and surveyed, and is what its row of the table says."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Hashable, Iterator
from dataclasses import replace

import pandas as pd
import pytest

from tests.collection.zoo import ANIMALS
from tests.collection.zoo.animals import Animal
from tests.conftest import ROOT
from toolkit import schema
from toolkit.collection import Limits, observe, survey
from toolkit.schemes import UPGRADES
from toolkit.tables import Tables

WAITING = [animal for animal in ANIMALS if animal.ending.startswith("timeout")]
"""Those that no observation ends before its time."""

BRIEF = Limits(
    upgrade_seconds=5,
    answer_seconds=5,
    total_seconds=30,
    upgrade_bytes=1 << 13,
    answer_bytes=1 << 16,
    concurrency=len(WAITING) + 30,
    per_host=len(WAITING) + 30,
)
PATIENT = replace(BRIEF, upgrade_seconds=10, answer_seconds=60, total_seconds=60)
"""Of the others, which a busy machine may take long to serve. Some fall silent after their refusal of an upgrade."""


class Zoo:
    """The animals, each on a port of its own, in another process. `services`: by the animal's name."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        ports = json.loads(self._stdout.readline())
        self.services = {animal.name: f"{animal.scheme}://127.0.0.1:{ports[animal.name]}" for animal in ANIMALS}

    def connections(self) -> dict[str, int]:
        """The connections that each animal has had since the last call."""
        self._stdin.write("\n")
        self._stdin.flush()
        counted: dict[str, int] = json.loads(self._stdout.readline())
        return counted


@pytest.fixture(scope="module")
def zoo() -> Iterator[Zoo]:
    command = [sys.executable, "-m", "tests.collection.zoo"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Zoo(process)
            process.communicate(timeout=60)
            assert process.returncode == 0
        finally:
            process.kill()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_the_table_is_complete() -> None:
    names = [animal.name for animal in ANIMALS]
    assert len(names) == len(set(names)) > 200
    assert {animal.scheme for animal in ANIMALS} == {*UPGRADES, "tls"}
    for scheme in UPGRADES:
        assert sum(animal.scheme == scheme for animal in ANIMALS) >= 10
    outcomes = {animal.ending.split()[0] for animal in ANIMALS}
    # The others concern names, addresses and offers, where no server answers.
    elsewhere = {"port_closed", "unreachable", "not_resolved", "skipped", "cannot_offer"}
    assert outcomes == set(schema.OUTCOMES) - elsewhere


@pytest.mark.usefixtures("traced")
def test_each_is_observed_as_its_row_says(zoo: Zoo) -> None:
    before = tracemalloc.get_traced_memory()[0]
    tables = Tables.concat(
        observe(
            [zoo.services[animal.name] for animal in ANIMALS if (animal in WAITING) == is_waiting],
            limits=BRIEF if is_waiting else PATIENT,
            progress=False,
        )
        for is_waiting in (True, False)
    )
    grown = tracemalloc.get_traced_memory()[1] - before

    looks = tables.observations.set_index("service")
    wrong = {animal.name: seen for animal in ANIMALS if (seen := differs(animal, looks.loc[zoo.services[animal.name]]))}
    assert wrong == {}
    assert len(looks) == len(ANIMALS)
    assert not looks["reason"].str.contains("please report").any()

    # Each was asked once, and only what does not end by itself was waited for.
    assert zoo.connections() == dict.fromkeys(zoo.services, 1)
    late = looks.loc[looks["outcome"] == "timeout", "reason"]
    assert late.str.startswith(("the dialogue before TLS was not", "the answer to the hello was not")).all()
    ends = tables.rounds[tables.rounds["phase"] == "end"]
    assert ends["looks"].tolist() == [len(WAITING), len(ANIMALS) - len(WAITING)]
    assert set(ends["end_reason"]) == {"finished"}

    named = set(looks["chain_sha256"].dropna().explode())
    assert named == set(tables.certificates["cert_sha256"])
    # The bytes that the limits accept, of all connections at a time, as received and as kept.
    assert grown < 2 * BRIEF.concurrency * (BRIEF.upgrade_bytes + BRIEF.answer_bytes)


def differs(animal: Animal, look: pd.Series) -> str | None:
    """What the observation has instead of what the row says; null: they agree."""
    chain = look["chain_sha256"]
    kept = 0 if chain is None else len(chain)
    ending = f"{look['outcome']} at {look['stage']}"
    is_right = ending in (animal.ending, animal.or_ending) and kept == animal.kept
    return None if is_right else f"{ending}, {kept} kept ({look['reason']}); not {animal.ending}, {animal.kept} kept"


SURVEYED = [animal for animal in ANIMALS if animal.scheme in ("tls", "smtp")][::2]


def test_no_survey_is_misled(zoo: Zoo) -> None:
    zoo.connections()
    budget = 9
    tables = survey(
        [zoo.services[animal.name] for animal in SURVEYED],
        concurrency=BRIEF.concurrency,
        rate=None,
        budget=budget,
        pause_seconds=0,
        limits=replace(BRIEF, upgrade_seconds=0.5, answer_seconds=0.5, total_seconds=2),
        progress=False,
    )
    support = tables.support
    assert set(support["service"]) == {zoo.services[animal.name] for animal in SURVEYED}
    assert set(support["state"]) == set(schema.STATES)
    by_service = support[support["state"] != "untested"].groupby("service")
    concluded = {service: rows.to_dict("records") for service, rows in by_service}
    wrong = [
        (animal.name, row["protocol"], asked_about(row), row["state"], row["reason"])
        for animal in SURVEYED
        for row in concluded.get(zoo.services[animal.name], [])
        if not is_proven(animal, row)
    ]
    assert wrong == []
    assert max(zoo.connections().values()) <= budget


def is_proven(animal: Animal, row: dict[Hashable, object]) -> bool:
    """Whether what the animal does proves the state, `accepted` or `refused`."""
    protocol = str(row["protocol"])
    if row["state"] == "accepted":
        return protocol == animal.protocol and asked_about(row) in animal.named
    answered = schema.PROTOCOLS.index(animal.protocol) if animal.protocol else len(schema.PROTOCOLS)
    return animal.refuses or answered < schema.PROTOCOLS.index(protocol)


def asked_about(row: dict[Hashable, object]) -> object:
    """The item of a question, or its version."""
    items = (row[kind] for kind in ("suite", "group", "signature_scheme", "key_type"))
    return next((item for item in items if isinstance(item, str)), row["protocol"])
