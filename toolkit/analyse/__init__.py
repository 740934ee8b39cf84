"""Ask: `Tables` in, frames out. Pure: no files, no network, no clock."""

from toolkit.analyse.causes import explain_leaves
from toolkit.analyse.changes import find_changes
from toolkit.analyse.expiry import summarise_expiry
from toolkit.analyse.findings import judge, summarise_findings
from toolkit.analyse.forecast import forecast_renewals
from toolkit.analyse.lineages import find_lineages
from toolkit.analyse.lint import lint_certificates
from toolkit.analyse.rotations import find_rotations
from toolkit.analyse.shares import estimate_shares
from toolkit.analyse.sharing import find_sharing
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.support import summarise_support
from toolkit.analyse.trust import replay_trust, verify_chains

__all__ = [
    "estimate_shares",
    "explain_leaves",
    "find_changes",
    "find_lineages",
    "find_rotations",
    "find_sharing",
    "find_sightings",
    "forecast_renewals",
    "judge",
    "lint_certificates",
    "replay_trust",
    "summarise_expiry",
    "summarise_findings",
    "summarise_support",
    "verify_chains",
]
