"""What servers gained and lost between two surveys."""

import toolkit

tables = toolkit.load_example("lab-sample")
before, after = tables.within(until="2025-08-01T00:00:00Z"), tables.within(since="2025-08-01T00:00:00Z")
ax = toolkit.chart.plot_changes(toolkit.find_changes(before, after))
