"""Policy: observations judged by dated rules, published statements and an external linter."""

from toolkit.analyse.policy.findings import judge
from toolkit.analyse.policy.lint import lint_certificates
from toolkit.analyse.policy.summary import summarise_findings

__all__ = ["judge", "lint_certificates", "summarise_findings"]
