"""Small tables that tests keep: looks an hour apart, with certificates that no parser need understand."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from toolkit import schema
from toolkit.store import Store
from toolkit.tables import Tables

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SERVICES = ("smtp://a.test:25", "smtp://b.test:25", "imaps://c.test:993")


def certificate(name: str, **facts: object) -> dict[str, object]:
    der = name.encode()
    row: dict[str, object] = {"cert_sha256": hashlib.sha256(der).hexdigest(), "der": der, "key_type": "RSA"}
    return row | facts


def look(at: datetime | None, leaf: str | None = None, **facts: object) -> dict[str, object]:
    row: dict[str, object] = {
        "observed_at": at,
        "date_basis": "undated" if at is None else "observed",
        "round": "r",
        "sample": 0,
        "source": "lab",
        "service": SERVICES[0],
        "outcome": "timeout" if leaf is None else "ok",
    }
    if leaf is not None:
        sha256 = hashlib.sha256(leaf.encode()).hexdigest()
        row |= {"leaf_sha256": sha256, "chain_sha256": (sha256,)}
    return row | facts


def tables_of_hour(hour: int, *, writer: str = "w") -> Tables:
    """One round: a look at each service, one of them failed, and the round's two rows."""
    at = BEGIN + timedelta(hours=hour)
    name = f"{writer}-{hour}"
    looks = [
        look(at, f"leaf {writer} {hour // 4}" if number else None, round=name, service=service)
        for number, service in enumerate(SERVICES)
    ]
    rounds = [
        {"round": name, "phase": phase, "written_at": at, "source": "lab", "services": SERVICES}
        for phase in ("start", "end")
    ]
    return Tables.from_frames(
        observations=schema.frame("observations", looks),
        certificates=schema.frame("certificates", [certificate(f"leaf {writer} {hour // 4}")]),
        rounds=schema.frame("rounds", rounds),
    )


def make_store(folder: Path, *, hours: int) -> Path:
    """A store of that many rounds, one append each. Tests that change it take a copy, which costs much less."""
    store = Store(folder)
    for hour in range(hours):
        store.append(tables_of_hour(hour))
    return folder
