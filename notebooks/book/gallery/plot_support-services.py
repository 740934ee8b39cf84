"""What several servers accept."""

import toolkit

tables = toolkit.load_example("lab-sample")
support = toolkit.summarise_support(tables, now="2026-01-24T00:00:00Z")
ax = toolkit.chart.plot_support(support, view="services")
