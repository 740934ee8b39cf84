"""How probable an expired certificate is, and which change helps.

Each slot keeps its routine while lifetimes shrink, its renewal job runs once in 30 days, and its CA is out of order for
14 days each year.
"""

import toolkit

tables = toolkit.load_example("web-series")
rehearsal = toolkit.rehearse(tables, now="2026-04-01T00:00:00Z", job_days=30, outage_days=14)
ax = toolkit.chart.plot_rehearsal(rehearsal)
