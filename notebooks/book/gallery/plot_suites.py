"""Cipher suites negotiated, over time.

Labels carry the bits of the key and the nominal strength. The colour is the verdict of the IETF's rules on the day of
the observation; hollow marks are known by bounds only.
"""

import toolkit

tables = toolkit.load_example("google-mail")
ax = toolkit.chart.plot_suites(tables.observations, by="cipher")
