"""Speak: bytes ⇄ TLS and STARTTLS facts.

Rule 1: no socket, no clock, no pandas here. Bytes go in, bytes and facts come out; who drives owns time and network.
Rule 2: whatever a server sends ends in an `Answer`, never in an exception.
Rule 3: time and memory are bounded by the bytes accepted, however they are cut.
Rule 4: facts are kept even where they are wrong: what a server did that it should not is a fault beside the facts.
"""

from toolkit.wire.answer import FAULTS, Answer
from toolkit.wire.handshake import Handshake
from toolkit.wire.upgrade import Upgrade, check_client_name

__all__ = ["FAULTS", "Answer", "Handshake", "Upgrade", "check_client_name"]
