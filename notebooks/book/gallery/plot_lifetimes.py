"""Lifetimes of certificates, and the caps of the CA/Browser Forum."""

import toolkit

ax = toolkit.chart.plot_lifetimes(toolkit.load_example("web-series").certificates)
