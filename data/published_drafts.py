"""Drafts that have become RFCs, and the rows that still cite one: `python data/published_drafts.py`.

The script prints file, line and draft of each such row of toolkit/reference, and ends with 1 where there is one. Rows
are those of the tables and of `algorithms.py`. The RFCs were looked up at rfc-editor.org and datatracker.ietf.org.
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
}
"""Name of a draft, without its number, and the RFC that it became."""

_DRAFT = re.compile(r"\b(?:draft|RFC)-[a-z][a-z0-9-]+[a-z0-9]")
"""IANA writes `RFC-ietf-…` for a draft that waits for its number."""


def published(reference: str) -> str:
    """The RFC in place of a draft that has become one; any other reference as it is."""
    return RFCS.get(re.sub(r"-\d\d\Z", "", reference).replace("RFC-", "draft-", 1), reference)


def find_outdated(folder: Path) -> list[tuple[str, int, str, str]]:
    """File, line, draft and RFC of each row that cites a draft which has become an RFC."""
    found = []
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.py")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            drafts = [draft for draft in _DRAFT.findall(line) if published(draft) != draft]
            found += [(str(path.relative_to(folder)), number, draft, published(draft)) for draft in drafts]
    return found


if __name__ == "__main__":
    outdated = find_outdated(Path(__file__).resolve().parent.parent / "toolkit" / "reference")
    for name, line, draft, rfc in outdated:
        print(f"{name}, line {line}: {draft} is now {rfc}")
    sys.exit(bool(outdated))
