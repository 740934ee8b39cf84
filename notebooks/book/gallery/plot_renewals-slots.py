"""Forecast renewals, by slot."""

import toolkit

tables = toolkit.load_example("web-series")
renewals = toolkit.forecast_renewals(tables, now="2026-04-01T00:00:00Z", years=3)
ax = toolkit.chart.plot_renewals(renewals, view="slots")
