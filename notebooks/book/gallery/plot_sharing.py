"""Which services share certificates."""

import toolkit

ax = toolkit.chart.plot_sharing(toolkit.find_sharing(toolkit.load_example("lab-sample")))
