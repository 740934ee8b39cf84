"""Key exchange over time, with intervals."""

import toolkit

ax = toolkit.chart.plot_key_exchange(toolkit.load_example("lab-sample").observations)
