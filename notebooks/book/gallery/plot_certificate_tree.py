"""Certificates and their issuers as a tree."""

import toolkit

certificates = toolkit.load_example("web-series").certificates
is_late = certificates["not_after"] > "2026-04-01"
ax = toolkit.chart.plot_certificate_tree(certificates[is_late])
