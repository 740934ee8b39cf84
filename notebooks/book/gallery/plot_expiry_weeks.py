"""How many certificates expire in each week, by service."""

import toolkit

now = "2026-01-24T00:00:00Z"
expiry = toolkit.summarise_expiry(toolkit.load_example("lab-sample"), now=now)
ax = toolkit.chart.plot_expiry_weeks(expiry, now=now)
