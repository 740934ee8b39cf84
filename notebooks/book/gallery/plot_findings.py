"""Findings of a policy, service by service."""

import toolkit

tables = toolkit.load_example("lab-sample").within(since="2026-01-15T00:00:00Z")
ax = toolkit.chart.plot_findings(toolkit.judge(tables, "mozilla-intermediate"))
