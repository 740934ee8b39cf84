"""Facts as CSV with source and date: cipher suites, groups, signature schemes, offers.

These files are made by `data/make_reference.py` from the IANA registries; nothing here reads the network.
"""

from toolkit.reference.group import Group, groups
from toolkit.reference.offer import Offer, offers
from toolkit.reference.published_handshake import published_handshake
from toolkit.reference.scheme import SignatureScheme, signature_schemes
from toolkit.reference.suite import Suite, askable, find_suite, suites

__all__ = [
    "Group",
    "Offer",
    "SignatureScheme",
    "Suite",
    "askable",
    "find_suite",
    "groups",
    "offers",
    "published_handshake",
    "signature_schemes",
    "suites",
]
