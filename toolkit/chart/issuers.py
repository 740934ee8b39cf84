"""Issuers: how many certificates and services depend on each."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BLUE, INK, NEUTRAL

_MOST: Final = 20
_ROW_INCHES: Final = 0.28
_REPLACED: Final = ("replaced", "withdrawn")


def plot_issuers(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a bar per issuer: the share of leaf certificates that it issued, the most frequent first.

    `frame` is what `summarise_expiry` returns, of which replaced and withdrawn certificates are left out, or what
    `find_sightings` returns, of which every one counts. Each leaf counts once. The words at a bar are the certificates
    and the services that show one. Issuers beyond 20 are one bar. Returns the axes. Raises `UsageError` for another
    frame.

    >>> import toolkit
    >>> expiry = toolkit.summarise_expiry(toolkit.load_example("web-series"), now="2026-03-17T00:00:00Z")
    >>> ax = toolkit.chart.plot_issuers(expiry)
    >>> ax.get_title(loc="left")
    'Issuers of 8 certificates  ·  recorded data'
    """
    what = "what `summarise_expiry` or `find_sightings` returns"
    canvas.check_frame(frame, "leaf_sha256", "issuer", "service", "host", what=what)
    used = frame[~frame["state"].isin(_REPLACED).fillna(value=False)] if "state" in frame else frame
    used = used.dropna(subset=["leaf_sha256"])
    if used.empty:
        return canvas.say_nothing(ax, "Issuers", "No certificate is on record.")
    named = used.assign(
        issuer=used["issuer"].fillna("issuer not known").astype(object),
        name=used["service"].fillna(used["host"]).fillna("service not said"),
    )
    counts = named.groupby("issuer").agg(leaves=("leaf_sha256", "nunique"), services=("name", "nunique"))
    counts = counts.sort_values(["leaves", "services"], ascending=False, kind="stable")
    labels, rest = [canvas.label(name) for name in counts.index[:_MOST]], counts.index[_MOST:]
    bars = list(counts.iloc[:_MOST].itertuples(index=False, name=None))
    if len(rest):
        others = named[named["issuer"].isin(rest)]
        bars.append((others["leaf_sha256"].nunique(), others["name"].nunique()))
        labels.append(f"and {text.counted(len(rest), 'issuer')} more")
    total = named["leaf_sha256"].nunique()
    axes = canvas.open_axes(ax, inches=len(bars) * _ROW_INCHES)
    for row, (leaves, services) in enumerate(bars):
        bar = axes.barh(row, leaves / total, height=0.6, color=BLUE if row < _MOST else NEUTRAL, zorder=2)
        bar[0].set_gid("issuer" if row < _MOST else "rest")
        words = f"{text.counted(leaves, 'certificate')}, {text.counted(services, 'service')}"
        axes.annotate(words, (leaves / total, row), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8, color=INK)  # fmt: skip
    # Room for the words at the longest bar.
    most = max(leaves for leaves, _ in bars) / total
    axes.set_xlim(0, most * 1.5)
    ticks = [share for share in (0, 0.25, 0.5, 0.75, 1.0) if share <= most * 1.2] or [0]
    axes.set_xticks(ticks, labels=[f"{share * 100:.0f} %" for share in ticks])
    canvas.set_rows(axes, range(len(bars)), labels, extent=(-0.6, len(bars) - 0.4))
    canvas.set_title(axes, canvas.titled(f"Issuers of {text.counted(total, 'certificate')}", frame))
    return axes
