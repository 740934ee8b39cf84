"""Turns looks into rows of `observations` and `certificates`."""

import hashlib
from typing import Final

import pandas as pd

from toolkit import __version__, schema, text
from toolkit.collection.last_resort import read_certificate
from toolkit.collection.observation import Look
from toolkit.reference import groups, signature_schemes, suites
from toolkit.reference.codes import name_of_code
from toolkit.tables import Tables

TOOL: Final = f"tls-toolkit {__version__}"
"""What recorded the rows that are made here."""

_MOST_PARSED: Final = 100_000
"""Hashes of parsed certificates that are remembered; beyond this number all are forgotten and parsed again."""


class Rows:
    """Collects looks and returns them as `Tables`; each distinct certificate is parsed and returned once."""

    def __init__(self, *, round_: str, vantage: str | None) -> None:
        self._round, self._vantage = round_, vantage
        self._observations: list[dict[str, object]] = []
        self._certificates: list[dict[str, object]] = []
        self._sha256_of: dict[bytes, str] = {}
        self._unread: dict[str, str] = {}
        self.size = 0
        """Bytes of the certificates and messages added since `clear`."""

    def __len__(self) -> int:
        return len(self._observations)

    def add(self, look: Look) -> None:
        """Add a look."""
        target, answer = look.request.target, look.answer
        chain = tuple(map(self._add_certificate, answer.chain))
        reasons = [answer.reason, *(self._unread[sha256] for sha256 in chain if sha256 in self._unread)]
        reason = "; ".join(filter(None, reasons))
        self.size += len(look.sent or b"") + len(look.received or b"")
        self._observations.append(
            {
                "observed_at": look.observed_at,
                "date_basis": "observed",
                "round": self._round,
                "sample": look.request.sample,
                "vantage": self._vantage,
                "source": target.source,
                "tool": TOOL,
                "service": target.service,
                "host": target.host,
                "port": target.port,
                "address": look.request.address or None,
                "server_name": target.server_name,
                "offer": look.request.offer.name,
                "outcome": answer.outcome,
                "stage": answer.stage,
                "reason": text.storable(reason) or None,
                "protocol": answer.protocol,
                "suite": name_of_code(suites(), answer.suite_code),
                "suite_code": answer.suite_code,
                "group": name_of_code(groups(), answer.group_code),
                "signature_scheme": name_of_code(signature_schemes(), answer.signature_scheme_code),
                "leaf_sha256": chain[0] if chain else None,
                "chain_sha256": chain or None,
                "is_key_proven": answer.is_key_proven,
                "has_ocsp_staple": answer.has_ocsp_staple,
                "has_sct": answer.has_sct,
                "connect_ms": look.connect_ms,
                "answer_ms": look.answer_ms,
                "sent_bytes": look.sent,
                "answer_bytes": look.received,
            }
        )

    def tables(self, rounds: list[dict[str, object]] | None = None) -> Tables:
        """What was added since `clear`, and the given rows of `rounds`."""
        # The rows follow the schema and the looks of a round have distinct keys, so `from_frames` need not check them.
        return Tables(support=schema.empty("support"), **self.frames(rounds))

    def frames(self, rounds: list[dict[str, object]] | None = None) -> dict[str, pd.DataFrame]:
        """The frames of `tables`, without `support`."""
        return {
            "observations": schema.frame("observations", self._observations),
            "certificates": schema.frame("certificates", self._certificates),
            "rounds": schema.frame("rounds", rounds or []),
        }

    def clear(self) -> None:
        """Forget what was added since the last call."""
        self._observations, self._certificates, self.size = [], [], 0

    def _add_certificate(self, der: bytes) -> str:
        """The certificate's SHA-256 in hex; a certificate that is not known yet becomes a row."""
        digest = hashlib.sha256(der).digest()
        sha256 = self._sha256_of.get(digest)
        if sha256 is None:
            if len(self._sha256_of) >= _MOST_PARSED:
                self._sha256_of.clear()
                self._unread.clear()
            sha256 = self._sha256_of[digest] = digest.hex()
            row, problem = read_certificate(der)
            self._certificates.append(row)
            self.size += len(der)
            if problem is not None:
                self._unread[sha256] = problem
        return sha256
