"""The shares of protocols that mail servers of Google negotiated, month by month."""

import toolkit

tables = toolkit.load_example("google-headers").within(since="2019-05-01T00:00:00Z", until="2026-04-01T00:00:00Z")
ax = toolkit.chart.plot_negotiated(toolkit.summarise_negotiated(tables, by="protocol"))
