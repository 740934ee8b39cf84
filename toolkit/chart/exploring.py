"""Rotations, expiry and support as interactive charts: the rows of the printed charts, with the evidence on hover."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import pandas as pd
from matplotlib.dates import num2date

from toolkit.analyse.slots import SLOT
from toolkit.chart import canvas
from toolkit.chart.answers import STATES as ANSWERS, cell_states, note_colours, say_day, say_days, with_judgements
from toolkit.chart.expiry import COLUMNS, STATES, place_rows
from toolkit.chart.interactive import (
    DAY_MS,
    InteractiveChart,
    as_ms,
    as_words,
    assemble,
    load_altair,
    rows_axis,
    unique,
)
from toolkit.chart.judgement import Judge
from toolkit.chart.lifelines import LIFE, OF_PAIRS, find_window, lives_of_pairs, place_lives, served_both
from toolkit.chart.palette import FAINT, INK, LIVES, PURPLE, RED
from toolkit.chart.slots import label_slots
from toolkit.chart.support import CELLS, latest_answers, place_services
from toolkit.reference.rules import Policy
from toolkit.schema import INSTANTS

_LANE_PIXELS: Final = 13
_GAP_PIXELS: Final = 8
_MOST_ROWS: Final = 2_000
"""Most bars of an expiry chart; a browser draws as many within a second or two."""

_SALTIRE: Final = "M0,.35L.65,1L1,.65L.35,0L1,-.65L.65,-1L0,-.35L-.65,-1L-1,-.65L-.35,0L-1,.65L-.65,1Z"
"""A filled X, as an SVG path from -1 to 1; Vega's own `cross` is a plus sign."""

_SHAPES: Final = {
    "o": "circle", "^": "triangle-up", "X": _SALTIRE, "D": "diamond", "s": "square", "P": "cross", "v": "triangle-down",
    "|": "stroke",
}  # fmt: skip
"""Marker of matplotlib → shape of Vega."""

_OF_LIFE: Final = ("fingerprint", "valid from", "valid until", "first seen", "last seen")
_OF_PAIR: Final = (
    "predecessor", "successor", "new one by", "old one until", "overlap at least [days]", "overlap at most [days]",
)  # fmt: skip
_OF_END: Final = (
    "state", "days left", "fingerprint", "subject", "issuer", "valid from", "valid until", "last seen", "looks",
    "renewal due",
)  # fmt: skip
_OF_CELL: Final = ("cipher", "answer", "versions", "first choice", "on", "evidence")


def explore_rotations(frame: pd.DataFrame, *, now: datetime | str | None = None) -> InteractiveChart:
    """Rotations as `plot_rotations` draws them, of every slot: hover for fingerprints, dates and bounds of the overlap.

    `frame` is what `find_rotations` returns. A thin line: valid. A thick bar, or a dot: seen. A box: both
    certificates were certainly in service. A star: a roll-back. Ctrl and the wheel zoom the time axis, dragging moves
    it; the field chooses services by a part of their name. `now` adds a dashed line.

    Raises `UsageError` for another frame, and where the extra `interactive` is not installed.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> toolkit.chart.explore_rotations(toolkit.find_rotations(tables)).title
    'Certificate rotations  ·  lab data'
    """
    canvas.check_frame(frame, *SLOT, *OF_PAIRS, what="what `find_rotations` returns")
    title = canvas.titled("Certificate rotations", frame)
    if frame.empty:
        return _nothing(title, "No rotation: no slot had a second certificate.")
    alt = load_altair()
    lives = place_lives(lives_of_pairs(frame))
    heads = lives.groupby("row").first()
    labels = dict(zip(heads.index, unique(label_slots(heads)), strict=True))
    x, y, life = _time(*find_window(lives, now)), rows_axis(), _kind("life")
    lane = alt.YOffset("lane:O", scale=alt.Scale(paddingInner=0.3, paddingOuter=0.2))
    colour = alt.Color("turn:N", scale=alt.Scale(domain=[0, 1], range=list(LIVES)), legend=None)
    in_lane = {"y": y, "yOffset": lane, "color": colour, "tooltip": _tooltips(_OF_LIFE)}
    layers = [
        life.mark_rule(strokeWidth=1.6, clip=True).encode(x=x("begin"), x2="end", **in_lane),
        life.mark_bar(height=9, clip=True).encode(x=x("first"), x2="last", **in_lane),
        life.transform_filter("datum.first === datum.last && datum.first !== null")
        .mark_circle(size=60, opacity=1, clip=True)
        .encode(x=x("first"), **in_lane),
        _kind("overlap")
        .mark_bar(fill=RED, fillOpacity=0.15, stroke=RED, strokeWidth=1.2, clip=True)
        .encode(x=x("first"), x2="last", y=y, tooltip=_tooltips(_OF_PAIR)),
        _kind("rollback")
        .mark_text(text="★", color=PURPLE, size=16, clip=True)
        .encode(x=x("first"), y=y, tooltip=_tooltips(_OF_PAIR)),
    ]
    rows = [*_life_rows(lives, labels), *_pair_rows(frame, lives, labels)]
    return assemble(
        [*layers, *_mark_now(now)],
        rows,
        title=title,
        noun="service",
        row_pixels=int(lives["lanes"].max()) * _LANE_PIXELS + _GAP_PIXELS,
        notes=["thin: valid; thick: seen; box: both certainly in service; ★ roll-back"],
    )


def explore_expiry(frame: pd.DataFrame) -> InteractiveChart:
    """What expires when, as `plot_expiry` draws it, of every slot: hover for fingerprint, subject, dates and evidence.

    `frame` is what `summarise_expiry` returns; the dashed line is its `now`. A bar is the validity, the marker at its
    end the state, also shown by its colour. Thin lines are certificates that are not in use. Ctrl and the wheel
    zoom, dragging moves; the field chooses services by a part of their name. Certificates without dates have no row;
    of more than 2,000 bars those that end first are drawn.

    Raises `UsageError` for another frame, and where the extra `interactive` is not installed.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> toolkit.chart.explore_expiry(toolkit.summarise_expiry(tables, now="2026-01-24 00:00Z")).title
    'What expires when  ·  lab data'
    """
    canvas.check_frame(frame, *COLUMNS, what="what `summarise_expiry` returns")
    title = canvas.titled("What expires when", frame)
    dated = frame.dropna(subset=["not_before", "not_after", "days_left"])
    if dated.empty:
        return _nothing(title, "No certificate with dates was seen.")
    alt = load_altair()
    rows, _, notes = place_rows(dated, None, most=_MOST_ROWS)
    now = float((rows["end"] - rows["days_left"].astype(float)).iloc[0])
    first, last = max(rows["begin"].min(), now - 800), min(rows["end"].max(), now + 1200)
    x, y = _time(first, last + (last - first) * 0.02), rows_axis()
    present = [name for name in STATES if (rows["state"] == name).any()]
    words = [STATES[name].words for name in present]
    in_use = [STATES[name].words for name in present if (rows.loc[rows["is_front"], "state"] == name).any()]
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1, values=in_use)
    colours = alt.Scale(domain=words, range=[STATES[name].colour for name in present])
    shapes = alt.Scale(domain=words, range=[_SHAPES[STATES[name].marker] for name in present])
    lane = alt.YOffset("lane:O")
    shared = {"y": y, "yOffset": lane, "color": alt.Color("state:N", legend=None, scale=colours)}
    shared |= {"tooltip": _tooltips(_OF_END)}
    marked = shared | {"color": alt.Color("state:N", legend=legend, scale=colours)}
    marked |= {"shape": alt.Shape("state:N", legend=legend, scale=shapes)}
    layers = [
        _kind("behind").mark_rule(strokeWidth=1.5, clip=True).encode(x=x("begin"), x2="end", **shared),
        _kind("front").mark_bar(height=9, fillOpacity=0.45, clip=True).encode(x=x("begin"), x2="end", **shared),
        _kind("front").mark_point(size=70, filled=True, opacity=1, clip=True).encode(x=x("end"), **marked),
        _kind("front").mark_tick(thickness=2, color=INK, clip=True).encode(x=x("due"), y=y, yOffset=lane),
        *_mark_now(now),
    ]
    rows["lane"] = _lanes(rows)
    lanes = int(rows["lane"].max()) + 1
    pixels = lanes * _LANE_PIXELS + _GAP_PIXELS
    notes = ["thick: in use; thin: not in use; black tick: renewal due by the slot's usual lead time", *notes]
    return assemble(layers, list(_end_rows(rows)), title=title, noun="service", row_pixels=pixels, notes=notes)


def explore_support(frame: pd.DataFrame, *, policy: Policy = "ietf") -> InteractiveChart:
    """Services × ciphers as `plot_support` draws them, of every service: hover for versions, answer, day and evidence.

    `frame` is what `summarise_support` returns by cipher. Cells have the colours and signs of `plot_support`. The field
    chooses services by a part of their name.

    Raises `UsageError` for another frame or policy, and where the extra `interactive` is not installed.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample")
    >>> toolkit.chart.explore_support(toolkit.summarise_support(tables, now="2026-01-24 00:00Z")).title
    'What each service accepted, 2026-01-21 to 2026-01-24  ·  lab data'
    """
    rules = Judge(policy)
    canvas.check_frame(frame, *CELLS, "cipher", what="what `summarise_support` returns")
    answers = latest_answers(with_judgements(frame, rules))
    title = canvas.titled(f"What each service accepted{say_days(answers)}", frame)
    cells, services, ciphers = place_services(answers)
    if cells.empty:
        return _nothing(title, "No cipher was accepted, or nothing was asked.")
    alt = load_altair()
    notes = note_colours(cells, rules)
    cells = cells.assign(state=cell_states(cells))
    rows = list(_cell_rows(cells, unique(services), unique(ciphers)))
    present = [name for name in ANSWERS if (cells["state"] == name).any()]
    words, looks = [ANSWERS[name].words for name in present], [ANSWERS[name] for name in present]
    x = alt.X("cipher:N", sort=unique(ciphers), axis=alt.Axis(title=None, orient="top", labelAngle=-45, zindex=1))
    fill = alt.Scale(domain=words, range=[look.fill for look in looks])
    edge = alt.Scale(domain=words, range=[look.edge or "#FFFFFF" for look in looks])
    legend = alt.Legend(title=None, orient="top", columns=3)
    cell = alt.Chart().encode(x=x, y=rows_axis(), tooltip=_tooltips(_OF_CELL))
    layers = [
        cell.mark_rect(strokeWidth=2).encode(
            fill=alt.Fill("answer:N", scale=fill, legend=legend),
            stroke=alt.Stroke("answer:N", scale=edge, legend=legend),
        ),
        cell.mark_text(size=11).encode(text="sign:N", color=alt.Color("ink:N", scale=None, legend=None)),
    ]
    return assemble(layers, rows, title=title, noun="service", row_pixels=22, notes=notes, is_zoomable=False)


def _life_rows(lives: pd.DataFrame, labels: dict[Any, str]) -> Iterator[dict[str, Any]]:
    for life in lives.to_dict("records"):
        begin, end, first, last = (as_ms(life[name]) for name in LIFE)
        yield {
            "kind": "life", "row": life["row"], "label": labels[life["row"]], "turn": life["turn"] % 2,
            "lane": life["turn"] % life["lanes"], "begin": begin, "end": end, "first": first, "last": last,
            "fingerprint": as_words(life["sha256"]), "valid from": _words_of(begin), "valid until": _words_of(end),
            "first seen": _words_of(first), "last seen": _words_of(last),
        }  # fmt: skip


def _pair_rows(frame: pd.DataFrame, lives: pd.DataFrame, labels: dict[Any, str]) -> Iterator[dict[str, Any]]:
    """A row for each certain overlap, and for each roll-back."""
    slots = lives.drop_duplicates("row").set_index(SLOT)["row"]
    keys = frame[SLOT].astype(object).where(frame[SLOT].notna(), "")
    places = slots.reindex(pd.MultiIndex.from_frame(keys)).to_numpy()
    starts, dones = canvas.days(frame["start_max_at"]), canvas.days(frame["done_min_at"])
    days = served_both(frame)
    for number, pair in enumerate(frame.to_dict("records")):
        place, start = int(places[number]), as_ms(starts[number])
        shared = {
            "row": place, "label": labels[place], "first": start, "predecessor": as_words(pair["predecessor_sha256"]),
            "successor": as_words(pair["successor_sha256"]), "new one by": as_words(pair["start_max_at"]),
            "old one until": as_words(pair["done_min_at"]),
            "overlap at least [days]": as_words(pair["overlap_min_days"]),
            "overlap at most [days]": as_words(pair["overlap_max_days"]),
        }  # fmt: skip
        if days[number] > 0:
            yield shared | {"kind": "overlap", "last": as_ms(dones[number])}
        if pair["is_rollback"] is True:
            yield shared | {"kind": "rollback"}


def _lanes(rows: pd.DataFrame) -> "pd.Series[int]":
    """The lane of each certificate in its slot: those in use one below the other, and all others in the one below."""
    fronts = rows[rows["is_front"]].sort_values("y").groupby("slot")
    return fronts.cumcount().reindex(rows.index).fillna(rows["slot"].map(fronts.size())).astype(int)


def _end_rows(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row for each certificate, `front` in use or `behind`; the slot that ends first comes first."""
    fronts = rows[rows["is_front"]]
    heads = rows.drop_duplicates("slot")
    labels = dict(zip(heads["slot"], unique(label_slots(heads)), strict=True))
    order = fronts.groupby("slot")["y"].min()
    due = canvas.days(rows["renew_by_at"])
    for number, row in enumerate(rows.to_dict("records")):
        yield {
            "kind": "front" if row["is_front"] else "behind", "row": float(order[row["slot"]]),
            "lane": row["lane"], "label": labels[row["slot"]], "state": STATES[row["state"]].words,
            "begin": as_ms(row["begin"]), "end": as_ms(row["end"]), "due": as_ms(due[number]),
            "days left": as_words(row["days_left"]), "fingerprint": as_words(row["leaf_sha256"]),
            "subject": as_words(row.get("subject")), "issuer": as_words(row.get("issuer")),
            "valid from": as_words(row["not_before"]), "valid until": as_words(row["not_after"]),
            "last seen": as_words(row.get("last_seen_at")), "looks": as_words(row.get("looks")),
            "renewal due": as_words(row["renew_by_at"]),
        }  # fmt: skip


def _cell_rows(cells: pd.DataFrame, services: Sequence[str], ciphers: Sequence[str]) -> Iterator[dict[str, Any]]:
    for cell in cells.to_dict("records"):
        look = ANSWERS[cell["state"]]
        counts = [f"{cell[name]} {name}" for name in ("accepted", "refused", "untested", "looks") if cell.get(name)]
        yield {
            "row": cell["row"], "label": services[cell["row"]], "cipher": ciphers[cell["column"]],
            "answer": look.words, "sign": look.sign, "ink": look.ink, "versions": cell["words"] or "–",
            "first choice": as_words(cell["first_choice"]), "on": say_day(*(cell[name] for name in INSTANTS)),
            "evidence": f"{as_words(cell['basis'])}: {', '.join(counts)}",
        }  # fmt: skip


def _kind(name: str) -> Any:
    return load_altair().Chart().transform_filter(f"datum.kind === '{name}'")


def _time(first: float, last: float) -> Any:
    """Makes the encoding of a field on the time axis (UTC); the first one sets the axis, from day `first` to `last`."""
    alt = load_altair()
    domains = iter([[as_ms(first), as_ms(last)]])
    axis = alt.Axis(title=None, grid=True, tickCount=8, orient="top", zindex=1)

    def encode(field: str) -> Any:
        domain = next(domains, alt.Undefined)
        return alt.X(f"{field}:T", scale=alt.Scale(type="utc", domain=domain), axis=axis)

    return encode


def _tooltips(fields: Sequence[str]) -> list[Any]:
    alt = load_altair()
    escaped = {name: name.replace("[", r"\[").replace("]", r"\]") for name in fields}
    return [alt.Tooltip("label:N", title="service")] + [
        alt.Tooltip(field=field, type="nominal", title=name) for name, field in escaped.items()
    ]


def _mark_now(now: datetime | str | float | None) -> list[Any]:
    if now is None:
        return []
    alt = load_altair()
    day = now if isinstance(now, float) else canvas.day(now)
    at = alt.Data(values=[{"now": as_ms(day), "label": "", "row": 0}])
    return [alt.Chart(at).mark_rule(strokeDash=[4, 2], color=INK, clip=True).encode(x="now:T")]


def _nothing(title: str, why: str) -> InteractiveChart:
    alt = load_altair()
    chart = alt.Chart(alt.Data(values=[{"why": why}]), title=title).mark_text(color=FAINT).encode(text="why:N")
    return InteractiveChart(chart, title, f"Interactive chart: {title}. {why}")


def _words_of(ms: float | None) -> str:
    return "–" if ms is None else f"{num2date(ms / DAY_MS):%Y-%m-%d %H:%M} UTC"
