"""What servers accept: versions × ciphers with their bits, suite by suite, and many servers side by side."""

from typing import Any, Final, Literal

import pandas as pd
from matplotlib.axes import Axes

from toolkit.chart import canvas
from toolkit.chart.judgement import JUDGEMENTS, WORST_FIRST, Judge
from toolkit.chart.matrix import Cell, draw_matrix
from toolkit.chart.palette import FAINT, GRID, INK, PAPER
from toolkit.chart.slots import natural
from toolkit.errors import UsageError
from toolkit.reference import suites
from toolkit.reference.rules import Policy
from toolkit.schema import INSTANTS, PROTOCOLS

_TAKEN: Final = ("accepted", "negotiated")
STATES: Final = {
    **{f"accepted, {name}": Cell(f"accepted, {look.words}", look.colour, "✓", look.ink)
       for name, look in JUDGEMENTS.items()},
    **{f"negotiated, {name}": Cell(f"negotiated, {look.words}", "#FFFFFF", "✓", INK, look.colour)
       for name, look in JUDGEMENTS.items()},
    "refused": Cell("refused", PAPER, "×", FAINT),
    "untested": Cell("untested", "#FFFFFF", "?", FAINT, GRID),
}  # fmt: skip
"""State of a cell → how it looks: the fill says that it was accepted, the colour what the rules of its day say.

`negotiated` rests on a handshake, not on a survey's question, and is a frame.
"""

_ITEMS: Final = {
    "group": "Groups of the key exchange",
    "signature_scheme": "Signature schemes",
    "protocol": "Versions",
}
"""What a frame may be about beside ciphers → the chart's title."""

_CIPHER: Final = ["cipher", "key_bits", "strength_bits"]
"""What tells ciphers apart."""

_MOST_VISITS: Final = 12
"""Side by side, before those without a change are left out."""

_VIEWS: Final = ("versions", "services", "suites", "time")
_ANSWERS: Final = ["service", "round", "protocol", "suite", "suite_code", "state", "rank", "is_sound"]
_CELLS: Final = ["service", "host", "round", "basis", "is_latest", "protocol", "state", "accepted", "first_choice"]
"""What the view `suites` reads, and what the others do, whatever they are by."""

_STRENGTH = {"accepted": 0, "negotiated": 1, "untested": 2, "refused": 3}

_MOST_ACROSS: Final = 8
"""Services side by side; more of them are the rows."""


def plot_support(
    frame: pd.DataFrame,
    *,
    view: Literal["versions", "services", "suites", "time"] | None = None,
    policy: Policy = "ietf",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a matrix of what was accepted, refused and left untested.

    The sign and the fill say which: a filled cell was accepted, a framed one negotiated in a handshake. The colour of
    both says what the rules of `policy` (a name, a file or rules, as `judge` takes it) say about that on the day of the
    answer: prohibited, discouraged or allowed; grey is not judged, because no rule was in force or the day is not
    known. Where a cell stands for several answers it has the colour of the worst.

    `frame` is what `summarise_support` returns, of which each service's latest survey is drawn, or, where
    there is none, what its latest handshakes negotiated; for the view `suites` it is the table `support`.

    - `versions` (one service; the default for one): cipher with key bits/strength bits × protocol version; the number
      is that of suites accepted, the star marks the first choice of the version.
    - `services` (the default for several): service × cipher accepted by any; the numbers say in which versions.
      Services that accept what is prohibited come first.
    - `time` (one service): cipher × survey (without any: × visit), oldest first; the numbers say in which versions. A
      visit known by bounds stands where these end, under both of them.
    - by group, signature scheme or version (what `summarise_support(…, by=…)` returns): item × service, post-quantum
      groups and new versions first; service × item for more than eight services.
    - `suites`: suite × version, strongest first; the number is the server's rank. Suites that no version accepted
      are counted below, not drawn.

    Cells without a row in the frame stay blank: nothing is on record. Rows beyond 40 are left out and counted below.
    Returns the axes. Raises `UsageError` where a view for one service is given several, for an unknown view or policy,
    and where the frame is not the one that the view draws.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> ax = toolkit.chart.plot_support(toolkit.summarise_support(tables, now=datetime(2026, 1, 24, tzinfo=UTC)))
    >>> ax.get_title(loc="left").splitlines()[0]
    'What smtp://legacy.lab.test:25 accepts, 2026-01-21'
    """
    rules = Judge(policy)
    if view is not None and view not in _VIEWS:
        raise UsageError(f"view={view!r}: one of {', '.join(_VIEWS)}.")
    is_table = view == "suites" or (view is None and isinstance(frame, pd.DataFrame) and "rank" in frame)
    what = "the table `support`" if is_table else "what `summarise_support` returns"
    canvas.check_frame(frame, *(_ANSWERS if is_table else _CELLS), what=what if view is None else f"as {view!r} {what}")
    if frame.empty:
        return canvas.say_nothing(ax, "Support", "Nothing was asked, and no handshake came to an answer.")
    chosen = view or ("suites" if is_table else "services" if frame["service"].nunique() > 1 else "versions")
    if chosen != "services" and frame["service"].nunique(dropna=False) > 1:
        raise UsageError(f"view={chosen!r} draws one service; choose one: frame[frame['service'] == '…'].")
    frame = _judged(frame, rules)
    if chosen == "suites":
        return _plot_suites(frame, rules, ax)
    if "cipher" not in frame:
        return _plot_items(frame, next((item for item in _ITEMS if item in frame), "protocol"), rules, ax)
    if chosen == "time":
        return _plot_time(frame, rules, ax)
    latest = frame[frame["is_latest"].fillna(value=False).astype(bool)]
    is_survey = latest["basis"] == "survey"
    # Handshakes of other days would mix two times in one matrix, so they stand only where nobody asked.
    was_asked = is_survey.groupby(latest["service"], dropna=False).transform("any")
    cells = latest.assign(state=latest["state"].where(is_survey, "negotiated"))[is_survey | ~was_asked]
    return _plot_versions(cells, rules, ax) if chosen == "versions" else _plot_services(cells, rules, ax)


def _judged(frame: pd.DataFrame, rules: Judge) -> pd.DataFrame:
    """The answers with `judged`, the place of the judgement of accepting it in `WORST_FIRST`."""
    suites_of = frame["suites"] if "suites" in frame else frame["suite"].map(_alone) if "suite" in frame else None
    rows = pd.DataFrame(
        {
            "protocol": frame["protocol"].astype(object),
            "suites": [()] * len(frame) if suites_of is None else list(suites_of),
            "group": frame["group"].astype(object) if "group" in frame else None,
            "first": frame["observed_at"].fillna(frame["observed_from"]),
            "last": frame["observed_at"].fillna(frame["observed_until"]),
        }
    )
    return frame.assign(
        judged=[
            WORST_FIRST[rules.judge(protocol=protocol, suites=names, group=group, first=first, last=last)]
            for protocol, names, group, first, last in rows.itertuples(index=False)
        ]
    )


def _alone(suite: object) -> tuple[str, ...]:
    return (suite,) if isinstance(suite, str) else ()


def _looks(cells: pd.DataFrame) -> list[str]:
    """The state of each cell, and of what was accepted the judgement: the key of `STATES`."""
    names = list(JUDGEMENTS)
    return [
        f"{state}, {names[judged]}" if state in _TAKEN else state
        for state, judged in cells[["state", "judged"]].itertuples(index=False)
    ]


def _notes(cells: pd.DataFrame, rules: Judge) -> list[str]:
    """What the colours rest on, where there are any."""
    is_taken = cells["state"].isin(_TAKEN)
    return [f"colour: {canvas.label(rules.name)}, by the rules of the answer's day"] if is_taken.any() else []


def _plot_versions(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    columns = [name for name in PROTOCOLS if (frame["protocol"] == name).any()]
    asked = _best(frame.dropna(subset=["protocol"]), [*_CIPHER, "protocol"])
    ciphers = _ciphers(asked)
    cells = asked.merge(ciphers, on=_CIPHER)
    cells["column"] = cells["protocol"].map(columns.index)
    counts = cells["accepted"].fillna(0).astype(int).astype(str).where(cells["accepted"] > 0, "")
    cells["words"] = counts.mask(cells["state"] == "negotiated", "") + cells["first_choice"].notna().map(
        {True: " ★", False: ""}
    )
    notes = _notes(cells, rules)
    notes += ["number: suites accepted"] if (cells["state"] == "accepted").any() else []
    notes += ["★ server's first choice"] if cells["first_choice"].notna().any() else []
    notes += [f"round: {canvas.label(name)}" for name in frame["round"].dropna().unique()[:1]]
    title = f"What {canvas.label(frame['service'].iloc[0])} accepts{_when(frame)}"
    return draw_matrix(
        ax, cells.assign(state=_looks(cells)), rows=ciphers["label"].to_list(), columns=columns, styles=STATES,
        what=("cipher", "version"), notes=notes, corner=canvas.BITS, title=canvas.titled(title, frame),
    )  # fmt: skip


def _plot_services(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    # A source that names no port names no service; its host is then the next best.
    named = frame["service"].fillna(frame["host"]).fillna("service not said").astype(object)
    frame = frame.assign(service=named)
    per_version = _best(frame, ["service", *_CIPHER, "protocol"])
    taken = per_version["state"].isin(["accepted", "negotiated"])
    everywhere, ciphers = _ciphers(per_version), _ciphers(per_version[taken])
    rest = len(everywhere) - len(ciphers)
    notes = [f"{rest} more ciphers accepted by none (refused or untested)"] if rest else []
    if ciphers.empty:
        return canvas.say_nothing(ax, "What each service accepts", _none_accepted(per_version, _CIPHER, "cipher"))
    per_version = per_version.merge(ciphers, on=_CIPHER)
    cells = _best(per_version, ["service", "row"]).rename(columns={"row": "column"})
    taken = per_version["state"].isin(["accepted", "negotiated"])
    versions = per_version[taken].groupby(["service", "row"], dropna=False)["protocol"].agg(_span)
    keys = pd.MultiIndex.from_frame(cells[["service", "column"]])
    cells["words"] = versions.reindex(keys).fillna("").to_numpy()
    services = _services_worst_first(cells)
    cells["row"] = cells["service"].map({name: row for row, name in enumerate(services)})
    return draw_matrix(
        ax, cells.assign(state=_looks(cells)), rows=[canvas.label(name) for name in services],
        columns=[name.replace("  ", "\n") for name in ciphers["label"]], styles=STATES, what=("service", "cipher"),
        notes=[*_notes(cells, rules), "numbers: the TLS versions in which it was accepted", *notes],
        title=canvas.titled("What each service accepts", frame),
    )  # fmt: skip


def _services_worst_first(cells: pd.DataFrame) -> list[str]:
    """The services by the worst that they accept, then by name."""
    taken = cells[cells["state"].isin(_TAKEN)]
    worst = taken.groupby("service", sort=False)["judged"].min()
    names = sorted(set(cells["service"]), key=natural)
    return sorted(names, key=lambda name: worst.get(name, len(WORST_FIRST)))


def _plot_items(frame: pd.DataFrame, item: str, rules: Judge, ax: Axes | None) -> Axes:
    """Groups, signature schemes or versions × services, or the reverse where there are many services."""
    latest = frame[frame["is_latest"].fillna(value=False).astype(bool)].dropna(subset=[item])
    latest = latest.assign(
        state=latest["state"].where(latest["basis"] == "survey", "negotiated"),
        service=latest["service"].fillna(latest["host"]).fillna("service not said").astype(object),
        is_new=latest["is_post_quantum"].fillna(value=False) if item == "group" else False,
        age=[-PROTOCOLS.index(name) for name in latest[item]] if item == "protocol" else 0,
    )
    cells = _best(latest, ["service", item])
    taken = cells["state"].isin(["accepted", "negotiated"])
    # What no service accepted would fill the chart with refusals; it is counted. Versions are few.
    shown = cells if item == "protocol" else cells[cells[item].isin(cells.loc[taken, item])]
    rest = cells[item].nunique() - shown[item].nunique()
    title = _ITEMS[item]
    if shown.empty:
        return canvas.say_nothing(ax, title, _none_accepted(cells, [item], item.replace("_", " ")))
    order = shown.drop_duplicates(item).sort_values(["is_new", "age", item], ascending=[False, True, True])
    services = _services_worst_first(shown)
    place = {name: row for row, name in enumerate(order[item])}
    ours = shown.assign(
        row=shown[item].map(place), column=shown["service"].map({name: n for n, name in enumerate(services)}),
        words=["★" if not pd.isna(first) and item != "protocol" else "" for first in shown["first_choice"]],
    )  # fmt: skip
    labels = [
        canvas.label(name) + ("  post-quantum" if is_new else "")
        for name, is_new in order[[item, "is_new"]].itertuples(index=False)
    ]
    notes = _notes(ours, rules)
    notes += ["★ server's first choice"] if (ours["words"] != "").any() else []
    notes += [f"{rest} more accepted by none (refused or untested)"] if rest else []
    columns = [canvas.label(name) for name in services]
    what = (item.replace("_", " "), "service")
    if len(services) > _MOST_ACROSS:
        ours = ours.rename(columns={"row": "column", "column": "row"})
        labels, columns, what = columns, labels, what[::-1]
    return draw_matrix(
        ax, ours.assign(state=_looks(ours)), rows=labels, columns=columns, styles=STATES, what=what, notes=notes,
        title=canvas.titled(title, frame),
    )  # fmt: skip


def _plot_time(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    surveys = frame[frame["basis"] == "survey"]
    asked = surveys if len(surveys) else frame.assign(state="negotiated")
    asked = asked.assign(known=_known(asked)).sort_values("known", kind="stable", na_position="first")
    asked["visit"] = asked.groupby(["round", *INSTANTS], sort=False, dropna=False).ngroup()
    visits = asked.drop_duplicates("visit")
    taken = asked["state"].isin(["accepted", "negotiated"])
    ciphers, everywhere = _ciphers(asked[taken]), _ciphers(asked)
    service = canvas.label(frame["service"].iloc[0])
    if ciphers.empty:
        return canvas.say_nothing(ax, f"What {service} accepted", _none_accepted(asked, _CIPHER, "cipher"))
    asked = asked.merge(ciphers, on=_CIPHER)
    cells = _best(asked, ["visit", "row"])
    taken = asked["state"].isin(["accepted", "negotiated"])
    versions = asked[taken].groupby(["visit", "row"])["protocol"].agg(_span)
    cells["words"] = versions.reindex(pd.MultiIndex.from_frame(cells[["visit", "row"]])).fillna("").to_numpy()
    same = 0
    if len(visits) > _MOST_VISITS:
        # A visit that found what the one before it found says nothing new.
        said = cells["row"].astype(str) + pd.Series(_looks(cells), cells.index) + cells["words"]
        found = said.groupby(cells["visit"]).agg(lambda parts: "|".join(sorted(parts)))
        found = found.reindex(visits["visit"].to_numpy())
        is_new = found != found.shift()
        same = int((~is_new).sum())
        visits = visits[is_new.to_numpy()]
        cells = cells[cells["visit"].isin(visits["visit"])]
    cells["column"] = cells["visit"].map({visit: column for column, visit in enumerate(visits["visit"])})
    days = [_said_day(*bounds, both="{}\nto {}") for bounds in visits[INSTANTS].itertuples(index=False)]
    rest = len(everywhere) - len(ciphers)
    notes = [*_notes(cells, rules), "numbers: the versions in which it was accepted"]
    notes += [f"{rest} more ciphers never accepted (refused or untested)"] if rest else []
    notes += [f"{same} visits that found the same as the one before are left out"] if same else []
    return draw_matrix(
        ax, cells.assign(state=_looks(cells)), rows=ciphers["label"].to_list(), columns=days, styles=STATES,
        what=("cipher", "visit"), notes=notes, corner=canvas.BITS,
        title=canvas.titled(f"What {service} accepted over time", frame),
    )  # fmt: skip


def _plot_suites(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    asked = frame.dropna(subset=["suite", "protocol"])
    order = _known(asked)
    if order.notna().any():
        asked = asked[asked["round"] == asked["round"].iloc[order.argmax()]]
    columns = [name for name in PROTOCOLS if (asked["protocol"] == name).any()]
    asked = _best(asked, ["suite", "suite_code", "protocol"])
    accepted = (asked["state"] == "accepted").groupby(asked["suite"]).any()
    shown = asked[asked["suite"].map(accepted)]
    named = shown.drop_duplicates("suite")[["suite", "suite_code"]]
    known = suites()
    found = [known.get(int(code)) if not pd.isna(code) else None for code in named["suite_code"]]
    named = named.assign(
        strength=[suite.strength_bits if suite else -1 for suite in found],
        label=[
            f"{canvas.label(name)}  {f'{suite.key_bits}/{suite.strength_bits}' if suite else 'bits not known'}"
            for name, suite in zip(named["suite"], found, strict=True)
        ],
    ).sort_values(["strength", "suite"], ascending=[False, True], ignore_index=True)
    place = {suite: row for row, suite in enumerate(named["suite"])}
    cells = shown.assign(row=shown["suite"].map(place), column=shown["protocol"].map(columns.index))
    unsound = (cells["is_sound"] == False).fillna(value=False)  # noqa: E712  null is not false
    cells["words"] = [
        (f"#{rank}" if not pd.isna(rank) else "") + (" !" if is_unsound else "")
        for rank, is_unsound in zip(cells["rank"], unsound, strict=True)
    ]
    rest = int((~accepted).sum())
    notes = _notes(cells, rules)
    notes += ["#: server's order"] if cells["rank"].notna().any() else []
    notes += ["! chosen, but the server's first flight was not sound for it"] if unsound.any() else []
    notes += [f"{rest} more suites accepted in no version"] if rest else []
    notes += [f"round: {canvas.label(name)}" for name in asked["round"].dropna().unique()[:1]]
    service = canvas.label(frame["service"].iloc[0])
    if named.empty:
        return canvas.say_nothing(ax, f"Suites of {service}", _none_accepted(asked, ["suite"], "suite"))
    return draw_matrix(
        ax, cells.assign(state=_looks(cells)), rows=named["label"].to_list(), columns=columns, styles=STATES,
        what=("suite", "version"), notes=notes, corner=canvas.BITS,
        title=canvas.titled(f"Suites that {service} accepts{_when(asked)}", frame),
    )  # fmt: skip


def _best(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per key: what was proven stands before what was not, a survey before a handshake, the worst first."""
    order = frame["state"].map(_STRENGTH)
    ranked = frame.assign(_order=order).sort_values(["_order", "judged"], kind="stable")
    return ranked.drop_duplicates(keys, ignore_index=True).drop(columns="_order")


def _none_accepted(cells: pd.DataFrame, keys: list[str], what: str) -> str:
    """How many were refused wherever they were asked, and of how many that is not known."""
    is_open = (cells["state"] == "untested").groupby([cells[key] for key in keys], dropna=False).any()
    return f"No {what} was accepted: {(~is_open).sum()} refused, {is_open.sum()} untested."


def _ciphers(frame: pd.DataFrame) -> pd.DataFrame:
    """The ciphers of the frame, strongest first: `cipher`, `key_bits`, `strength_bits`, `row`, `label`."""
    named = frame[_CIPHER].drop_duplicates()
    named = named.sort_values(
        ["strength_bits", "key_bits", "cipher"], ascending=[False, False, True], na_position="last", ignore_index=True
    )
    named["row"] = range(len(named))
    named["label"] = [
        f"{canvas.label(cipher)}  {key}/{strength}" if not pd.isna(cipher) else "unknown cipher"
        for cipher, key, strength in named[_CIPHER].itertuples(index=False)
    ]
    return named


def _span(protocols: pd.Series) -> str:
    """`1.0–1.3`: the versions from oldest to newest (SSL keeps its name), gaps written out."""
    places = sorted({PROTOCOLS.index(name) for name in protocols.dropna()})
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    short = [name.removeprefix("TLS ").replace("SSL ", "SSL") for name in PROTOCOLS]
    return ", ".join(short[run[0]] if len(run) == 1 else f"{short[run[0]]}–{short[run[-1]]}" for run in runs)


def _when(frame: pd.DataFrame) -> str:
    known = _known(frame)
    return f", {_said_day(*frame[INSTANTS].iloc[known.argmax()])}" if known.notna().any() else ", undated"


def _known(frame: pd.DataFrame) -> pd.Series:
    """By what visits are ordered, as `summarise_support` does: the instant, else the end of its bounds."""
    return frame["observed_at"].fillna(frame["observed_until"]).fillna(frame["observed_from"])


def _said_day(at: Any, begins: Any, ends: Any, *, both: str = "between {} and {}") -> str:
    """The day, or the days that bound it."""
    if not pd.isna(at):
        return f"{at:%Y-%m-%d}"
    if pd.isna(begins) and pd.isna(ends):
        return "undated"
    if pd.isna(begins):
        return f"by {ends:%Y-%m-%d}"
    if pd.isna(ends):
        return f"since {begins:%Y-%m-%d}"
    first, last = f"{begins:%Y-%m-%d}", f"{ends:%Y-%m-%d}"
    return first if first == last else both.format(first, last)
