"""One rotation close up.

Each mark is an observation. The brackets say between which instants the start and the end of the roll-out lie.
"""

import toolkit

tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
rotations = toolkit.describe_rotations(toolkit.find_rotations(tables), tables)
longest = rotations.nlargest(1, "overlap_min_days")
ax = toolkit.chart.plot_rollout(tables.observations, rotation=longest)
