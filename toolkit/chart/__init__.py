"""Draw: a frame in, matplotlib's `Axes` out.

Frame first, everything else by keyword; `ax=None` opens a figure whose height follows the rows. Everything is shown
by colour and by shape or hatch, text from servers is made harmless, and where data comes from the lab, or from
a simulation, the title says so. An empty frame gives axes that say so, too. `say` and `tabulate` put a sentence and a
table to go with a chart, `check_answer` compares the answer to an exercise, `describe_chart` writes the text
alternative of a chart, `style_axes` gives a chart of your own the same style.
"""

from typing import TYPE_CHECKING

from toolkit.chart.captions import Shown, say, tabulate
from toolkit.chart.certificate_tree import plot_certificate_tree
from toolkit.chart.changes import plot_changes
from toolkit.chart.dark import darken
from toolkit.chart.describing import describe_chart
from toolkit.chart.exercises import check_answer
from toolkit.chart.expiry import plot_expiry
from toolkit.chart.expiry_weeks import plot_expiry_weeks
from toolkit.chart.exploring import explore_expiry, explore_rotations, explore_support
from toolkit.chart.findings import plot_findings
from toolkit.chart.interactive import InteractiveChart
from toolkit.chart.issuers import plot_issuers
from toolkit.chart.key_exchange import plot_key_exchange
from toolkit.chart.lifelines import plot_rotations, plot_sightings
from toolkit.chart.message_bytes import plot_bytes
from toolkit.chart.negotiated import plot_negotiated
from toolkit.chart.paging import split_pages
from toolkit.chart.rehearsal import plot_rehearsal
from toolkit.chart.renewals import plot_lifetimes, plot_renewals
from toolkit.chart.rollout import plot_rollout
from toolkit.chart.shares import plot_shares
from toolkit.chart.sharing import plot_sharing
from toolkit.chart.styling import style_axes
from toolkit.chart.suites import plot_suites
from toolkit.chart.support import plot_support
from toolkit.chart.trust import plot_trust
from toolkit.lazy import importer

__all__ = [
    "InteractiveChart",
    "Shown",
    "check_answer",
    "darken",
    "describe_chart",
    "explore_expiry",
    "explore_rotations",
    "explore_support",
    "plot_bytes",
    "plot_certificate_tree",
    "plot_changes",
    "plot_expiry",
    "plot_expiry_weeks",
    "plot_findings",
    "plot_issuers",
    "plot_key_exchange",
    "plot_lifetimes",
    "plot_negotiated",
    "plot_rehearsal",
    "plot_renewals",
    "plot_rollout",
    "plot_rotations",
    "plot_shares",
    "plot_sharing",
    "plot_sightings",
    "plot_suites",
    "plot_support",
    "plot_trust",
    "say",
    "split_pages",
    "style_axes",
    "tabulate",
]

if not TYPE_CHECKING:  # a type checker would take any name for a chart
    __getattr__ = importer(__name__, {__name__: __all__})  # which suggests a name for a misspelt one
