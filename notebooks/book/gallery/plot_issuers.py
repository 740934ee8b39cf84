"""Which issuers the certificates depend on."""

import toolkit

ax = toolkit.chart.plot_issuers(toolkit.find_sightings(toolkit.load_example("web-series")))
