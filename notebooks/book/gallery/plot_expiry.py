"""What expires when.

The tick before the end says when the usual lead time of the service would have renewed the certificate.
"""

import toolkit

tables = toolkit.load_example("lab-sample")
expiry = toolkit.summarise_expiry(tables, now="2026-01-24T00:00:00Z")
ax = toolkit.chart.plot_expiry(expiry)
