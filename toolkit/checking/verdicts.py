"""The columns of a check, its verdicts and their severity."""

from typing import Final

from toolkit.columns import Column

CHECKS: Final = (
    Column("check", "text", "`reachability`, `expiry`, `rotation`, `trust`, or the name of the policy"),
    Column("rule", "text", "name of the rule", "not a check by a policy, or no rule applies"),
    Column("level", "text", "`must`, `should`, or `statement` (a published statement)", "not a row of a rule"),
    Column("service", "text", "the service", "the source does not say, or a published statement"),
    Column("host", "text", "its host", "the source does not say, or a published statement"),
    Column("server_name", "text", "server name that was asked for", "not about a certificate, or not known"),
    Column("leaf_sha256", "text", "the leaf", "not about a certificate"),
    Column("verdict", "text", "result of the check, see `toolkit.check`, or `unknown`"),
    Column("is_finding", "boolean", "true: something is wrong; false: it is fine", "unknown"),
    Column("severity", "text", "`critical`, `high`, `medium` or `low`, see `SEVERITIES`", "not a finding"),
    Column("finding_id", "text", "identifies the finding: the same for as long as the same thing is wrong at the same "
           "place", "not a finding"),
    Column("accepted_until_at", "instant", "until when the finding is accepted (`accept`)", "not accepted"),
    Column("found", "text", "what was found, in words", "nothing was observed"),
    Column("required", "text", "what the rule asks for, in words", "not a row of a rule"),
    Column(
        "rule_from_at", "instant", "from when the rule holds; of a statement the first day on which it can have been "
        "published", "not a row of a rule, or not known",
    ),
    Column("ends_at", "instant", "when the certificate ends, or the issuer that ends first", "not a row of `expiry`"),
    Column("evidence_count", "integer", "observations or rows that the verdict rests on", "nothing was observed"),
    Column("first_at", "instant", "earliest instant of the evidence", "nothing bounds it"),
    Column("last_at", "instant", "latest instant of the evidence", "nothing bounds it"),
    Column("evidence", "text", "positions in the tables, such as `observations 3; support 7`", "not a row of a rule"),
    Column("reason", "text", "why the verdict is what it is; of `unknown`, why nothing is known", "nothing to add"),
    Column("advice", "text", "what to do about it", "not a finding"),
    Column("authority", "text", "documents and sections of the rule", "not a row of a rule"),
    Column("source", "text", "sources of the evidence", "the tables do not say"),
)  # fmt: skip
"""The columns of `check`. The evidence of a row is the observations, or rows of the tables, that it rests on."""

OWN_CHECKS: Final = ("reachability", "expiry", "rotation", "trust")
"""The checks that are not policies."""

SEVERITIES: Final = {
    "critical": "clients cannot use the service now",
    "high": "it breaks within days, or it breaks a rule that binds (must)",
    "medium": "it breaks unless something is done, or the service, or a part of it, does not answer or is not in order",
    "low": "it breaks a recommendation (should) or a rule older than post-quantum groups, contradicts a published "
    "statement, or some visits had no answer",
}
"""The closed vocabulary of `severity`, the worst first."""

SEVERITY_OF: Final = {
    "unreachable": "critical", "failing": "critical", "expired": "critical", "not_yet_valid": "critical",
    "unreadable": "critical", "untrusted": "critical", "partly_reachable": "medium", "expiring": "medium",
    "key_not_proven": "critical", "trust_lost": "critical", "falls short": "high", "gained": "high",
    "dated_ahead": "medium", "overdue": "medium", "rolled_back": "medium", "incomplete": "medium",
    "contradicted": "low", "intermittent": "low",
}  # fmt: skip
"""Verdict → its severity, unless a row has one of its own. These verdicts are findings."""

FINE: Final = ("reachable", "replacing", "settled", "valid", "trusted", "meets", "confirmed")
"""The verdicts that are fine. Any other verdict is unknown."""
