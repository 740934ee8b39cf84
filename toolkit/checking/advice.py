"""What to do about a finding, and the identifier that stays the same from run to run."""

import hashlib
import json
from typing import Final

import pandas as pd

from toolkit.reference.rules import OF_CERTIFICATES

REISSUE: Final = "Have the certificate issued again so that the rule is met"

ADVICE: Final = {
    "unreachable": "See whether the service runs and whether a firewall blocks this machine. Remove the target if "
    "it was switched off.",
    "failing": "Run `tls-toolkit observe` and read the reason: the server accepts connections, but ends the handshake.",
    "partly_reachable": "Repair the addresses that no longer answer, or remove them from DNS.",
    "intermittent": "See when the visits fail (load, time of day, one address or backend), and whether a limit of "
    "connections or a firewall drops those of this machine.",
    "dated_ahead": "Set the clock of the machine that observes (NTP), and observe again: rows dated after the present "
    "are not judged.",
    "expired": "Renew the certificate now, and reload it on every backend.",
    "expiring": "Renew the certificate, and reload it on every backend, before it ends.",
    "overdue": "See whether automatic renewal still runs: earlier certificates were replaced sooner before their end.",
    "not_yet_valid": "Serve the previous certificate until this one begins, or issue it again with the right dates.",
    "unreadable": "Replace the certificate: clients cannot read it either.",
    "untrusted": "Serve the whole chain to a root that clients trust, for the name they ask for.",
    "trust_lost": "Undo the last change of certificate or chain, or serve a chain to a root that clients still trust.",
    "key_not_proven": "Install the private key that belongs to the certificate.",
    "rolled_back": "Install the newer certificate again on every backend, or find out why it was taken back.",
    "incomplete": "Reload the new certificate on the backends that still show the old one.",
    "falls short": "Change the server's configuration so that the rule is met.",
    "gained": "Undo the change of configuration that allowed this.",
    "contradicted": "Correct the published statement, or the servers.",
}
"""Verdict of a finding → what to do."""

KEEP_POST_QUANTUM: Final = (
    "Keep it: the rule is older than post-quantum key exchange, which protects what is recorded today from quantum "
    "computers of tomorrow. Judge by an edition or a policy that lists X25519MLKEM768."
)
"""What to do about a post-quantum group that a rule does not allow because none was known when it was written."""

ADVICE_ON_FILES: Final = ADVICE | {
    "expired": "Renew the certificate, and replace it wherever it is still used.",
    "expiring": "Renew the certificate, and replace it wherever it is used, before it ends.",
    "not_yet_valid": "Do not use the certificate before it begins, or issue it again with the right dates.",
    "untrusted": "Renew the certificate if it has expired. If not, add what its chain lacks, or have it issued by a CA "
    "that clients trust.",
    "falls short": f"{REISSUE}.",
}
"""The same where no service was seen to present the certificate, such as for a PEM file."""

ADVICE_ON_LEAVES: Final = dict.fromkeys(OF_CERTIFICATES, f"{REISSUE}, and install it on every backend.") | {
    "purposes": f"{REISSUE}. Where the server presents it to others as a client, use a certificate of a private CA "
    "there, or let the others accept serverAuth alone.",
}
"""Subject of a rule about certificates → what to do where an observed certificate falls short of it."""

_SAME: Final = {
    "trust_lost": "untrusted", "gained": "falls short", "failing": "unreachable", "intermittent": "unreachable",
}  # fmt: skip
"""Verdicts that differ from another only by what was before, or by how a service fails: the finding is the same one."""

_PARTS: Final = ("check", "rule", "verdict", "service", "host", "server_name", "number", "about")


def identify(rows: pd.DataFrame) -> pd.Series:
    """An identifier for each row (string), which stays the same as long as the same thing is wrong at the same place.

    It does not depend on the certificate, so that a renewal does not change it, nor on counts and the order of rows.
    `about` is what distinguishes rows of one place, such as the suite that a rule forbids. Rows that are equal in all
    of this, such as two expiring certificates of one slot, are numbered, those observed first before the others.
    """
    placed = rows.assign(verdict=rows["verdict"].replace(_SAME)).sort_values(["first_at", "leaf_sha256"])
    number = placed.groupby([part for part in _PARTS if part != "number"], dropna=False).cumcount()
    parts = placed.assign(number=number.astype("Int64").mask(number == 0))[list(_PARTS)].astype(object)
    parts = parts.where(parts.notna(), None)
    identifiers = [_digest(values) for values in parts.itertuples(index=False, name=None)]
    return pd.Series(identifiers, placed.index, dtype="string").reindex(rows.index)


def _digest(values: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
