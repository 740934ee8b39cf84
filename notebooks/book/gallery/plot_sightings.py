"""Which certificate each server presented, and when.

Thin is the validity, thick is the time between the first and the last observation that showed the certificate.
"""

import toolkit

tables = toolkit.load_example("lab-sample")
ax = toolkit.chart.plot_sightings(toolkit.find_sightings(tables))
