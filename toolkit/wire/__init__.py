"""Speak TLS and STARTTLS: bytes in, bytes and facts out.

Rule 1: no socket, no clock, no pandas. The caller owns the connection and the time.
Rule 2: everything that a server can send ends in an `Answer`, never in an exception.
Rule 3: time and memory are bounded by the bytes accepted, in pieces of any size.
Rule 4: facts are kept even if the server broke a rule; the broken rule is a fault in addition to the facts.
"""

from toolkit.wire.answer import FAULTS, Answer
from toolkit.wire.groups import SharePool
from toolkit.wire.handshake import Handshake
from toolkit.wire.upgrade import Upgrade, check_client_name, check_contact

__all__ = ["FAULTS", "Answer", "Handshake", "SharePool", "Upgrade", "check_client_name", "check_contact"]
