"""Trust over time: the periods in which each chain would have verified, and in which it would not."""

from typing import Any, Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from toolkit import text
from toolkit.chart import canvas
from toolkit.chart.palette import BAD, FINE, GRID, NEUTRAL, Style
from toolkit.instants import DAY_IN_SECONDS

VERDICTS: Final = {
    "untrusted": Style("untrusted", BAD, "X", ""),
    "untrusted_assumed": Style("untrusted, by an assumption", BAD, "*", "////"),
    "trusted": Style("trusted", FINE, "o", ""),
    "trusted_assumed": Style("trusted, by an assumption", FINE, "p", "----"),
    "expired": Style("leaf expired", NEUTRAL, "4", ""),
    "not_yet_valid": Style("leaf not valid yet", NEUTRAL, "3", ""),
    "unknown": Style("unknown", GRID, "D", ""),
}
"""How each verdict is drawn. Outside of the validity of the leaf, its `leaf_validity` takes the verdict's place.

With an `assumption`, as after the end of the record of a store, `_assumed` is added to `trusted` and `untrusted`.
"""

_ASSUMED: Final = "_assumed"

_RANKS: Final = {"untrusted": 0, "untrusted_assumed": 0, "trusted": 1, "trusted_assumed": 1}
"""Rows with these verdicts come first."""
_NOW_DAYS: Final = 1.0
"""A chain with a verdict within this many days of the last instant of the frame is drawn before the others."""
_OTHERS: Final = 2
"""The rank of rows that are unknown, or outside of the validity of their leaf."""

_MOST_OTHERS: Final = 10
"""Most rows of that rank; their number is given below the chart."""

_KEYS: Final = ["service", "host", "server_name", "leaf_sha256"]
"""The columns that name a chain."""
_ROW: Final = [*_KEYS, "store"]
"""The columns that name a row."""

COLUMNS: Final = (*_ROW, "verdict_from_at", "verdict_until_at", "verdict", "leaf_validity", "assumption")
"""Columns that are drawn."""

_OUTSIDE: Final = ("not_yet_valid", "expired")
"""Outside of the validity of the leaf: drawn as a thin bar."""
_MARGIN: Final = 0.1
"""Share of the time in which some leaf is valid that is drawn before and after it."""

_ROW_INCHES, _FLEET_ROW_INCHES, _FEW_ROWS = 0.3, 0.2, 24
_DIGITS: Final = 8
"""Digits shown of a leaf's SHA-256."""


def plot_trust(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The axes with a row per service, server name, leaf and store, and its verdicts over time.

    Colour, height and marker show the verdict. `frame` is what `replay_trust` or `verify_chains` returns; the rows of a
    chain in several stores are next to each other. A period is a bar, a single instant a marker; a verdict that rests
    on an `assumption`, such as that a store has not changed since its record ended, is hatched. Outside of the validity
    of the leaf, a thin bar is drawn instead of a verdict, hollow before it and full after it; time in which no leaf is
    valid is cut off. Leaves that were judged within their validity on the last day of the frame come first, then those
    whose last verdict is newest; among them those untrusted at last before the trusted ones, then by the first verdict.
    Leaves that are unknown, or were judged outside of their validity only, come last. Verdicts on undated looks, chains
    beyond 40 rows, and chains of the last kind beyond ten are left out and counted below the chart; where all are of
    that kind, up to 40 rows are drawn. Row labels have the first 8 digits of the leaf's SHA-256, and the store. Returns
    the axes. Raises `UsageError` for another frame.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> ax = toolkit.chart.plot_trust(toolkit.verify_chains(tables, roots=Lab().roots))
    >>> ax.get_title(loc="left")
    'Trust over time  ·  lab data'
    """
    what = "what `replay_trust` or `verify_chains` returns"
    canvas.check_frame(frame, *COLUMNS, what=what)
    dated = _dated(frame)
    if dated.empty:
        why = f"No verdict has a known instant ({text.counted(len(frame), 'verdict')})."
        return canvas.say_nothing(ax, "Trust over time", "No chain was judged." if frame.empty else why)
    dated, notes = _in_rows(_without_seams(dated))
    dated = _cropped(dated)
    if undated := len(frame) - frame[["verdict_from_at", "verdict_until_at"]].notna().all(axis=1).sum():
        notes.append(f"not drawn: {text.counted(int(undated), 'verdict')} on undated observations")
    count = int(dated["row"].max()) + 1
    is_tall = count > _FEW_ROWS
    axes = canvas.open_axes(ax, inches=count * (_FLEET_ROW_INCHES if is_tall else _ROW_INCHES))
    first, last = float(dated["begin"].min()), float(dated["end"].max())
    margin = max((last - first) * 0.02, 1.0)
    canvas.set_dates(axes, first - margin, last + margin, is_tall=is_tall)
    canvas.shade_rows(axes, count)
    handles = _draw_verdicts(axes, dated)
    heads = dated.drop_duplicates("row").sort_values("row")
    shown = heads["service"].fillna(heads["host"]).fillna("unknown service")
    has_stores = heads["store"].notna().any()
    is_same = heads.groupby(_KEYS, sort=False, dropna=False).cumcount() > 0
    labels = [
        "  ".join([] if again else [canvas.label(name), canvas.label(leaf[:_DIGITS])])
        + (f"  {canvas.label(store)}" if has_stores else "")
        for again, name, leaf, store in zip(
            is_same, shown, heads["leaf_sha256"].astype(str), heads["store"].fillna("given roots"), strict=True
        )
    ]
    corner = "service, leaf SHA-256" + (", store" if has_stores else "")
    canvas.set_rows(axes, list(range(count)), labels, extent=(-0.6, count - 0.4), corner=corner)
    canvas.set_heading(axes, canvas.titled("Trust over time", frame), handles)
    canvas.set_notes(axes, notes)
    return axes


def place_chains(frame: pd.DataFrame, *, rows: int) -> "pd.Series[int]":
    """The number of the page of each dated verdict, by its position in the frame; a page has at most so many rows.

    Pages are in the order of `plot_trust`; the chains that it draws last have pages of their own.
    """
    dated = _dated(frame)
    if dated.empty:
        return pd.Series(dtype=int)
    chains = _number(dated, _KEYS)
    order = _in_order(dated, chains)
    per_page = max(1, rows // _rows_per_chain(dated, chains))
    page = order.groupby("is_other").cumcount() // per_page + order["is_other"] * len(order)
    return chains.map(page)


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """The verdicts whose instants are known, with `begin` and `end` in days, and what is drawn as `verdict`."""
    dated = frame.reset_index(drop=True).dropna(subset=["verdict_from_at", "verdict_until_at"])
    is_assumed = (dated["verdict"] + _ASSUMED).isin(list(VERDICTS)) & dated["assumption"].notna()
    verdict = dated["verdict"].mask(is_assumed, dated["verdict"] + _ASSUMED)
    return dated.assign(
        begin=canvas.days(dated["verdict_from_at"]),
        end=canvas.days(dated["verdict_until_at"]),
        verdict=verdict.mask(dated["leaf_validity"].isin(_OUTSIDE), dated["leaf_validity"]),
    )


def _number(dated: pd.DataFrame, keys: list[str]) -> "pd.Series[int]":
    return dated.groupby(keys, sort=False, dropna=False).ngroup()


def _rows_per_chain(dated: pd.DataFrame, chains: "pd.Series[int]") -> int:
    return max(1, int(_number(dated, _ROW).groupby(chains).nunique().max()))


def _draw_verdicts(axes: Axes, dated: pd.DataFrame) -> list[Artist]:
    """A bar for each period and a marker for each single instant; returns the handles of the legend."""
    handles: list[Artist] = []
    for verdict, style in VERDICTS.items():
        mine = dated[dated["verdict"] == verdict]
        if mine.empty:
            continue
        is_outside, is_trust, is_assumed = style.colour == NEUTRAL, style.colour == FINE, bool(style.hatch)
        fill = "white" if is_assumed or verdict == "not_yet_valid" else style.colour
        edge = NEUTRAL if is_outside or verdict == "unknown" else style.colour if is_assumed else "white"
        look: dict[str, Any] = {"facecolor": fill, "edgecolor": edge, "hatch": style.hatch, "linewidth": 0.6}
        bars = mine[mine["end"] > mine["begin"]]
        drawn = axes.barh(
            bars["row"], bars["end"] - bars["begin"], left=bars["begin"],
            height=0.6 if is_trust else 0.12 if is_outside else 0.3, zorder=2 if is_trust else 2.5, **look,
        )  # fmt: skip
        for bar in drawn:
            bar.set_gid(f"bar-{verdict}")
        points = mine[mine["end"] <= mine["begin"]]
        outline = NEUTRAL if verdict == "unknown" else style.colour
        mark_fill = "white" if is_assumed else style.colour
        marks = axes.scatter(points["begin"], points["row"], marker=style.marker, s=36, color=mark_fill, zorder=3)
        if mark_fill != outline:
            marks.set_edgecolor(outline)
        marks.set_gid(f"mark-{verdict}")
        if not bars.empty:
            handles.append(Patch(label=style.words, **look))
        if not points.empty:
            words = style.words if bars.empty else f"{style.words} (one instant)"
            mark = Line2D([], [], marker=style.marker, color=mark_fill, markeredgecolor=outline, linestyle="")
            mark.set_label(words)
            handles.append(mark)
    return handles


def _cropped(dated: pd.DataFrame) -> pd.DataFrame:
    """The periods, cut where no leaf that is drawn is valid any more, or yet; the first and last one stay visible."""
    inside = dated[~dated["verdict"].isin(_OUTSIDE)]
    if inside.empty:
        return dated
    first, last = inside["begin"].min(), inside["end"].max()
    margin = max((last - first) * _MARGIN, 1.0)
    is_period = dated["end"] > dated["begin"]
    begin = dated["begin"].where(~is_period, dated["begin"].clip(first - margin, last + margin))
    end = dated["end"].where(~is_period, dated["end"].clip(first - margin, last + margin))
    cut = dated.assign(begin=begin, end=end)
    return cut[~is_period | (end > begin)].reset_index(drop=True)


def _without_seams(dated: pd.DataFrame) -> pd.DataFrame:
    """The verdicts with adjacent periods of a chain as one where they are drawn alike and differ in other checks."""
    ordered = dated.sort_values([*_ROW, "begin"], kind="stable", ignore_index=True)
    drawn = ordered.groupby([*_ROW, "verdict"], sort=False, dropna=False).ngroup()
    gap = ordered["begin"] - ordered["end"].shift()
    begins = (drawn != drawn.shift()) | ~gap.between(0, 1.5 / DAY_IN_SECONDS)
    run = begins.astype(int).cumsum()
    ends = ordered.groupby(run)["end"].transform("max")
    return ordered.assign(end=ends)[~run.duplicated()].reset_index(drop=True)


def _in_rows(dated: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The verdicts with their `row`, in the order of `_in_order`; and the note about chains that are left out."""
    chains, rows = _number(dated, _KEYS), _number(dated, _ROW)
    order = _in_order(dated, chains)
    ranked = int((~order["is_other"]).sum())
    most = max(1, canvas.MOST_ROWS // _rows_per_chain(dated, chains))
    if ranked:
        most = min(ranked + _MOST_OTHERS, most)
    kept, notes = canvas.keep_rows(range(len(order)), "chain", most=most)
    place = {chain: number for number, chain in enumerate(order.index[kept])}
    dated = dated.assign(chain=chains.map(place), of_chain=rows).dropna(subset=["chain"])
    dated = dated.sort_values(["chain", "of_chain"], kind="stable")
    return dated.assign(row=pd.factorize(dated["of_chain"])[0]).drop(columns=["chain", "of_chain"]), notes


def _in_order(dated: pd.DataFrame, chains: "pd.Series[int]") -> pd.DataFrame:
    """The `rank` of each chain, a row per chain (the index), in the order in which they are drawn."""
    order = dated.groupby(chains).agg(begin=("begin", "min"), end=("end", "max")).assign(rank=_OTHERS)
    judged = dated[dated["verdict"].isin(list(_RANKS))].assign(chain=chains)
    # The last verdict of each store counts, the worst of them for the chain.
    last = judged.sort_values("end", kind="stable").drop_duplicates(["chain", "store"], keep="last")
    found = last.assign(rank=last["verdict"].map(_RANKS)).groupby("chain").agg(rank=("rank", "min"), end=("end", "max"))
    order.update(found)
    order.update(judged.groupby("chain")["begin"].min())
    order["age"] = (dated["end"].max() - order["end"]).where(lambda age: age > _NOW_DAYS, 0.0)
    order["is_other"] = order["rank"] == _OTHERS
    return order.sort_values(["is_other", "age", "rank", "begin"], kind="stable")
