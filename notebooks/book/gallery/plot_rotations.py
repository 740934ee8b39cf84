"""Rotations, and the time in which both certificates were served.

Hatched red: the observations prove that the old and the new certificate were both in service.
"""

import toolkit

tables = toolkit.load_example("lab-sample")
rotations = toolkit.find_rotations(tables)
ax = toolkit.chart.plot_rotations(rotations)
