"""What one server accepts."""

import toolkit

tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
ax = toolkit.chart.plot_support(toolkit.summarise_support(tables, now="2026-01-24T00:00:00Z"))
