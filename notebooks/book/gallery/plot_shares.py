"""The share of observations that showed each certificate.

The band is the 95 % interval of each week.
"""

import toolkit

tables = toolkit.load_example("lab-sample").within(services="smtps://submit.lab.test:465")
ax = toolkit.chart.plot_shares(toolkit.estimate_shares(tables, window="7D"))
