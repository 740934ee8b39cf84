"""Tables written by hand for the tests of the questions: one line a look, one line a certificate."""

from datetime import UTC, datetime

import pandas as pd

from toolkit.tables import Tables


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def now(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def certificate(sha: str, begins: str, ends: str, **facts: object) -> dict[str, object]:
    row: dict[str, object] = {
        "cert_sha256": sha, "subject": "CN=mx.example", "issuer": "CN=ca", "names": ("mx.example",),
        "key_type": "RSA", "key_bits": 2048, "not_before": at(begins), "not_after": at(ends), "der": b"",
        "signature_algorithm": "sha256WithRSAEncryption", "serial": "01",
    }  # fmt: skip
    return row | facts


def look(sha: str | None, when: str | None, **facts: object) -> dict[str, object]:
    row: dict[str, object] = {
        "leaf_sha256": sha, "observed_at": when and at(when), "date_basis": "observed" if when else "undated",
        "round": when or "undated", "sample": 0, "source": "live", "service": "smtp://mx.example:25",
        "host": "mx.example", "port": 25, "address": "192.0.2.1", "server_name": "mx.example", "offer": "any",
        "outcome": "ok" if sha else "timeout", "stage": "finished",
    }  # fmt: skip
    return row | facts


def tables(looks: list[dict[str, object]], certificates: list[dict[str, object]]) -> Tables:
    return Tables.from_frames(pd.DataFrame(looks) if looks else None, pd.DataFrame(certificates))
