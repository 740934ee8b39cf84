"""Renewals to come, by month.

The caps that begin in 2026, 2027 and 2029 shorten the lifetimes, so renewals become more frequent.
"""

import toolkit

tables = toolkit.load_example("web-series")
renewals = toolkit.forecast_renewals(tables, now="2026-04-01T00:00:00Z", years=3)
ax = toolkit.chart.plot_renewals(renewals)
