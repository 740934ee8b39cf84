"""Rotations known from certificates alone.

Nineteen years of Google's mail hosts, from public text. No observation is needed for the overlap of two validities.
"""

import toolkit

tables = toolkit.load_example("google-mail")
rotations = toolkit.find_rotations(tables, basis="names")
ax = toolkit.chart.plot_rotations(rotations)
