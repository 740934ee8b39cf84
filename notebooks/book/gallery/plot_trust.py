"""Trust over time.

Each recorded chain is verified at the instant of its observation, here with the lab's own root certificates.
"""

import toolkit
from toolkit.lab import Lab

tables = toolkit.load_example("lab-sample")
ax = toolkit.chart.plot_trust(toolkit.verify_chains(tables, roots=Lab().roots))
