"""Trust: would a client with certain roots have trusted a chain on a day, and until when."""

from toolkit.analyse.trust.details import describe_chains
from toolkit.analyse.trust.verify import replay_trust, verify_chains

__all__ = ["describe_chains", "replay_trust", "verify_chains"]
