"""Policy: observations judged by dated rules, published statements and an external linter."""

from toolkit.analyse.policy.findings import judge, summarise_findings
from toolkit.analyse.policy.lint import lint_certificates

__all__ = ["judge", "lint_certificates", "summarise_findings"]
