"""Drafts that have become RFCs, and the rows that still cite one: `python data/published_drafts.py`.

The script prints file, line and draft of each such row of toolkit/reference, and of each row with a draft that has not
been looked up, and ends with 1 where there is one. Rows are those of the tables and of `algorithms.py`. Drafts were
looked up at rfc-editor.org and datatracker.ietf.org, the last time on 2026-11-30.
"""

import re
import sys
from pathlib import Path

RFCS = {
    "draft-kwiatkowski-tls-ecdhe-mlkem": "RFC 10024",  # by way of draft-ietf-tls-ecdhe-mlkem; August 2026
    "draft-ietf-tls-ecdhe-mlkem": "RFC 10024",
    "draft-ietf-tls-hybrid-design": "RFC 9954",
    "draft-ietf-tls-deprecate-obsolete-kex": "RFC 10015",  # July 2026
    "draft-ietf-tls-rfc8446bis": "RFC 9846",  # July 2026; obsoletes RFC 8446
    "draft-ietf-tls-rfc8447bis": "RFC 9847",
    "draft-ietf-tls-tls12-frozen": "RFC 9851",
    "draft-ietf-uta-require-tls13": "RFC 9852",
    "draft-ietf-lamps-dilithium-certificates": "RFC 9881",
    "draft-ietf-lamps-x509-slhdsa": "RFC 9909",
    "draft-davidben-tls13-pkcs1": "RFC 9963",  # by way of draft-ietf-tls-tls13-pkcs1; April 2026
}
"""Name of a draft, without its number, and the RFC that it became."""

KEPT = {
    "draft-irtf-cfrg-aegis-aead": "version 08 has the suites; RFC 10032, by its abstract, the algorithm alone",
    "draft-agl-tls-chacha20poly1305": "RFC 7905 has other code points",
    "draft-ietf-tls-chacha20-poly1305": "the code points of version 00; RFC 7905 has others",
    "draft-chudov-cryptopro-cptls": "expired; RFC 9189 has other suites",
    "draft-ietf-tls-56-bit-ciphersuites": "expired",
    "draft-kwiatkowski-tls-ecdhe-kyber": "expired; RFC 10024 has other groups",
    "draft-tls-westerbaan-xyber768d00": "expired",
    "draft-wang-tls-raw-public-key-with-ibc": "expired",
    "draft-connolly-tls-mlkem-key-agreement": "now draft-ietf-tls-mlkem, version 11 of September 2026",
    "draft-ietf-tls-mldsa": "a draft",
    "draft-ietf-lamps-pq-composite-sigs": "a draft, version 19 in September 2026",
    "draft-davidben-tls-merkle-tree-certs": "a draft, now of a working group",
}
"""Name of a draft that rows cite rightly, and why: an RFC that came of it would have to define what the row holds."""

_DRAFT = re.compile(r"\b(?:draft|RFC)-[a-z][a-z0-9-]+[a-z0-9]")
"""IANA writes `RFC-ietf-…` for a draft that waits for its number."""


def published(reference: str) -> str:
    """The RFC in place of a draft that has become one; any other reference as it is."""
    return RFCS.get(_name(reference), reference)


def _name(reference: str) -> str:
    """The name of a draft without its number."""
    return re.sub(r"-\d\d\Z", "", reference).replace("RFC-", "draft-", 1)


def find_outdated(folder: Path) -> list[tuple[str, int, str, str | None]]:
    """File, line, draft and RFC of each row with a draft that has become an RFC; None: it has not been looked up."""
    found = []
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.py")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            drafts = [draft for draft in _DRAFT.findall(line) if _name(draft) not in KEPT]
            found += [(str(path.relative_to(folder)), number, draft, RFCS.get(_name(draft))) for draft in drafts]
    return found


if __name__ == "__main__":
    outdated = find_outdated(Path(__file__).resolve().parent.parent / "toolkit" / "reference")
    for name, line, draft, rfc in outdated:
        print(f"{name}, line {line}: {draft} {f'is now {rfc}' if rfc else 'has not been looked up: see KEPT'}")
    sys.exit(bool(outdated))
