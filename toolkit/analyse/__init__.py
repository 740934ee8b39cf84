"""Analysis: `Tables` in, frames out. No files, no network, no clock."""

from toolkit.analyse.causes import explain_leaves
from toolkit.analyse.expiry import describe_usual_leads, forecast_renewals, rehearse, summarise_expiry
from toolkit.analyse.negotiated import summarise_negotiated
from toolkit.analyse.policy import judge, lint_certificates, summarise_findings
from toolkit.analyse.rotation import describe_rotations, estimate_shares, find_lineages, find_rotations
from toolkit.analyse.sharing import find_sharing
from toolkit.analyse.sightings import find_sightings
from toolkit.analyse.support import compare_tools, find_changes, summarise_support
from toolkit.analyse.trust import describe_chains, replay_trust, verify_chains

__all__ = [
    "compare_tools",
    "describe_chains",
    "describe_rotations",
    "describe_usual_leads",
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
    "rehearse",
    "replay_trust",
    "summarise_expiry",
    "summarise_findings",
    "summarise_negotiated",
    "summarise_support",
    "verify_chains",
]
