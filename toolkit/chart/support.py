"""What servers accept, as matrices: versions × ciphers, services × ciphers, ciphers over time, suites × versions."""

from typing import Final, Literal

import pandas as pd
from matplotlib.axes import Axes

from toolkit import text
from toolkit.arguments import require_choice
from toolkit.chart import canvas
from toolkit.chart.answers import (
    ACCEPTED,
    CIPHER,
    STATES,
    cell_states,
    keep_best,
    known_at,
    list_ciphers,
    note_colours,
    say_day,
    say_days,
    say_none_accepted,
    say_when,
    span_of_versions,
    with_judgements,
)
from toolkit.chart.judgement import WORST_FIRST, Judge
from toolkit.chart.matrix import draw_matrix
from toolkit.chart.slots import natural
from toolkit.errors import UsageError
from toolkit.reference import suites
from toolkit.reference.rules import Policy
from toolkit.schema import INSTANTS, PROTOCOLS

_ITEMS: Final = {
    "group": "Groups of the key exchange",
    "signature_scheme": "Signature schemes",
    "protocol": "Versions",
}
"""Column that a frame can be about instead of ciphers → the chart's title."""

_MOST_VISITS: Final = 12
"""Most visits side by side; of more, those with the same result as the visit before are left out."""

_VIEWS: Final = ("versions", "services", "suites", "time")
_ANSWERS: Final = ["service", "round", "protocol", "suite", "suite_code", "state", "rank", "is_sound"]
CELLS: Final = ["service", "host", "round", "basis", "is_latest", "protocol", "state", "accepted", "first_choice"]
"""Columns of `summarise_support` that every view draws."""
"""Columns that the view `suites` reads, and that the other views read."""

_MOST_ACROSS: Final = 8
"""Services that are columns; where there are more, they are the rows."""


def plot_support(
    frame: pd.DataFrame,
    *,
    view: Literal["versions", "services", "suites", "time"] | None = None,
    policy: Policy = "ietf",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a matrix of what was accepted, refused and untested.

    A filled cell was accepted, a framed one negotiated in a handshake. The colour of both shows what the rules of
    `policy` (a name, a file or rules, as `judge` takes it) said about it on the day of the answer: prohibited,
    discouraged or allowed; grey: not judged, because no rule was in force or the day is not known. A cell with several
    answers has the colour of the worst.

    `frame` is what `summarise_support` returns, of which each service's latest survey is drawn, or, where
    there is none, what its latest handshakes negotiated; for the view `suites` it is the table `support`.

    - `versions` (one service; the default for one): cipher with key bits/strength bits × protocol version; the number
      counts the accepted suites, the star marks the first choice of the version.
    - `services` (the default for several): service × cipher that at least one accepts; the numbers are the versions.
      Services that accept what is prohibited come first.
    - `time` (one service): cipher × visit, oldest first; the numbers are the versions. A visit is what one round
      observed of the service within a day; visits without a survey are drawn only where there is no survey. One that
      is known by bounds is ordered by their end, and labelled with both.
    - by group, signature scheme or version (what `summarise_support(…, by=…)` returns): item × service, post-quantum
      groups and new versions first; service × item for more than eight services.
    - `suites`: suite × version, strongest first; the number is the server's rank. Suites that are accepted in no
      version are counted below the chart, not drawn.

    Cells without a row in the frame are blank. Of more than 40 services, those with equal cells share a row; rows that
    do not fit are left out, and what they show is counted below the chart.
    Returns the axes. Raises `UsageError` where a view for one service is given several, for an unknown view or policy,
    and where the frame is not the one that the view draws.

    >>> import toolkit
    >>> from datetime import UTC, datetime
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://legacy.lab.test:25")
    >>> ax = toolkit.chart.plot_support(toolkit.summarise_support(tables, now=datetime(2026, 1, 24, tzinfo=UTC)))
    >>> ax.get_title(loc="left").replace("\\n", " ")
    'What smtp://legacy.lab.test:25 accepts, 2026-01-21  ·  lab data'
    """
    rules = Judge(policy)
    if view is not None:
        require_choice("view", view, _VIEWS)
    is_table = view == "suites" or (view is None and isinstance(frame, pd.DataFrame) and "rank" in frame)
    what = "the table `support`" if is_table else "what `summarise_support` returns"
    canvas.check_frame(frame, *(_ANSWERS if is_table else CELLS), what=what if view is None else f"as {view!r} {what}")
    if frame.empty:
        return canvas.say_nothing(
            ax, "Support", "There is no answer of a survey, and no handshake that negotiated anything."
        )
    chosen = view or ("suites" if is_table else "services" if frame["service"].nunique() > 1 else "versions")
    if chosen != "services" and frame["service"].nunique(dropna=False) > 1:
        raise UsageError(f"view={chosen!r} draws one service; choose one: frame[frame['service'] == '…'].")
    frame = with_judgements(frame, rules)
    if chosen == "suites":
        return _plot_suites(frame, rules, ax)
    if "cipher" not in frame:
        return _plot_items(frame, next((item for item in _ITEMS if item in frame), "protocol"), rules, ax)
    if chosen == "time":
        return _plot_time(frame, rules, ax)
    cells = latest_answers(frame)
    return _plot_versions(cells, rules, ax) if chosen == "versions" else _plot_services(cells, rules, ax)


def _plot_versions(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    columns = [name for name in PROTOCOLS if (frame["protocol"] == name).any()]
    asked = keep_best(frame.dropna(subset=["protocol"]), [*CIPHER, "protocol"])
    ciphers = list_ciphers(asked)
    cells = asked.merge(ciphers, on=CIPHER)
    cells["column"] = cells["protocol"].map(columns.index)
    counts = cells["accepted"].fillna(0).astype(int).astype(str).where(cells["accepted"] > 0, "")
    cells["words"] = counts.mask(cells["state"] == "negotiated", "") + cells["first_choice"].notna().map(
        {True: " ★", False: ""}
    )
    notes = note_colours(cells, rules)
    notes += ["number: suites accepted"] if (cells["state"] == "accepted").any() else []
    notes += ["★ server's first choice"] if cells["first_choice"].notna().any() else []
    notes += [f"round: {canvas.label(name)}" for name in frame["round"].dropna().unique()[:1]]
    title = f"What {canvas.label(frame['service'].iloc[0])} accepts{say_when(frame)}"
    return draw_matrix(
        ax, cells.assign(state=cell_states(cells)), rows=ciphers["label"].to_list(), columns=columns, styles=STATES,
        what=("cipher", "version"), notes=notes, corner=canvas.BITS, title=canvas.titled(title, frame),
    )  # fmt: skip


def latest_answers(frame: pd.DataFrame) -> pd.DataFrame:
    """The answers of each service's latest survey, or, where it has none, of its latest handshakes: `negotiated`."""
    latest = frame[frame["is_latest"].fillna(value=False).astype(bool)]
    is_survey = latest["basis"] == "survey"
    # Handshakes of other days would mix two times in one matrix, so they are drawn only where there is no survey.
    has_survey = is_survey.groupby(latest["service"], dropna=False).transform("any")
    return latest.assign(state=latest["state"].where(is_survey, "negotiated"))[is_survey | ~has_survey]


def place_services(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Services × ciphers that at least one accepts: the cells with `row`, `column`, `words`, and the labels of both.

    `words` are the versions in which the cipher was accepted. Services that accept the worst come first.
    """
    # A source that names no port names no service: use its host.
    named = frame["service"].fillna(frame["host"]).fillna("service not said").astype(object)
    per_version = keep_best(frame.assign(service=named), ["service", *CIPHER, "protocol"])
    ciphers = list_ciphers(per_version[per_version["state"].isin(ACCEPTED)])
    per_version = per_version.merge(ciphers, on=CIPHER)
    cells = keep_best(per_version, ["service", "row"]).rename(columns={"row": "column"})
    is_accepted = per_version["state"].isin(ACCEPTED)
    versions = per_version[is_accepted].groupby(["service", "row"], dropna=False)["protocol"].agg(span_of_versions)
    keys = pd.MultiIndex.from_frame(cells[["service", "column"]])
    cells["words"] = versions.reindex(keys).fillna("").to_numpy()
    services = _services_worst_first(cells)
    cells["row"] = cells["service"].map({name: row for row, name in enumerate(services)})
    return cells, [canvas.label(name) for name in services], ciphers["label"].to_list()


def _plot_services(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    everywhere = len(list_ciphers(frame))
    cells, services, ciphers = place_services(frame)
    if not ciphers:
        return canvas.say_nothing(ax, "What each service accepted", say_none_accepted(frame, CIPHER, "cipher"))
    rest = everywhere - len(ciphers)
    notes = [f"{text.counted(rest, 'more cipher')} accepted by none (refused or untested)"] if rest else []
    return draw_matrix(
        ax, cells.assign(state=cell_states(cells)), rows=services,
        columns=[name.replace("  ", "\n") for name in ciphers], styles=STATES, what=("service", "cipher"),
        notes=[*note_colours(cells, rules), "numbers: the TLS versions in which it was accepted", *notes],
        title=canvas.titled(f"What each service accepted{say_days(frame)}", frame),
    )  # fmt: skip


def _services_worst_first(cells: pd.DataFrame) -> list[str]:
    """The services by the worst that they accept, then by name."""
    accepted = cells[cells["state"].isin(ACCEPTED)]
    worst = accepted.groupby("service", sort=False)["judged"].min()
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
    cells = keep_best(latest, ["service", item])
    is_accepted = cells["state"].isin(ACCEPTED)
    # What no service accepted is counted, not drawn, because it would fill the chart with refusals. Versions are few.
    shown = cells if item == "protocol" else cells[cells[item].isin(cells.loc[is_accepted, item])]
    rest = cells[item].nunique() - shown[item].nunique()
    title = _ITEMS[item]
    if shown.empty:
        return canvas.say_nothing(ax, title, say_none_accepted(cells, [item], item.replace("_", " ")))
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
    notes = note_colours(ours, rules)
    notes += ["★ server's first choice"] if (ours["words"] != "").any() else []
    notes += [f"{rest} more accepted by none (refused or untested)"] if rest else []
    columns = [canvas.label(name) for name in services]
    what = (item.replace("_", " "), "service")
    if len(services) > _MOST_ACROSS:
        ours = ours.rename(columns={"row": "column", "column": "row"})
        labels, columns, what = columns, labels, what[::-1]
    return draw_matrix(
        ax, ours.assign(state=cell_states(ours)), rows=labels, columns=columns, styles=STATES, what=what, notes=notes,
        title=canvas.titled(title, frame),
    )  # fmt: skip


def _plot_time(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    surveys = frame[frame["basis"] == "survey"]
    asked = surveys if len(surveys) else frame.assign(state="negotiated")
    asked = asked.assign(known=known_at(asked)).sort_values("known", kind="stable", na_position="first")
    asked["visit"] = asked.groupby(["round", *INSTANTS], sort=False, dropna=False).ngroup()
    visits = asked.drop_duplicates("visit")
    is_accepted = asked["state"].isin(ACCEPTED)
    ciphers, everywhere = list_ciphers(asked[is_accepted]), list_ciphers(asked)
    service = canvas.label(frame["service"].iloc[0])
    if ciphers.empty:
        return canvas.say_nothing(ax, f"What {service} accepted", say_none_accepted(asked, CIPHER, "cipher"))
    asked = asked.merge(ciphers, on=CIPHER)
    cells = keep_best(asked, ["visit", "row"])
    is_accepted = asked["state"].isin(ACCEPTED)
    versions = asked[is_accepted].groupby(["visit", "row"])["protocol"].agg(span_of_versions)
    cells["words"] = versions.reindex(pd.MultiIndex.from_frame(cells[["visit", "row"]])).fillna("").to_numpy()
    same = 0
    if len(visits) > _MOST_VISITS:
        said = cells["row"].astype(str) + pd.Series(cell_states(cells), cells.index) + cells["words"]
        found = said.groupby(cells["visit"]).agg(lambda parts: "|".join(sorted(parts)))
        found = found.reindex(visits["visit"].to_numpy())
        is_new = found != found.shift()
        same = int((~is_new).sum())
        visits = visits[is_new.to_numpy()]
        cells = cells[cells["visit"].isin(visits["visit"])]
    cells["column"] = cells["visit"].map({visit: column for column, visit in enumerate(visits["visit"])})
    days = [say_day(*bounds, both="{}\nto {}") for bounds in visits[INSTANTS].itertuples(index=False)]
    rest = len(everywhere) - len(ciphers)
    notes = [*note_colours(cells, rules), "numbers: the versions in which it was accepted"]
    notes += [f"{text.counted(rest, 'more cipher')} never accepted (refused or untested)"] if rest else []
    notes += [f"left out: {text.counted(same, 'visit')} that found the same as the one before"] if same else []
    return draw_matrix(
        ax, cells.assign(state=cell_states(cells)), rows=ciphers["label"].to_list(), columns=days, styles=STATES,
        what=("cipher", "visit"), notes=notes, corner=canvas.BITS,
        title=canvas.titled(f"What {service} accepted over time", frame),
    )  # fmt: skip


def _plot_suites(frame: pd.DataFrame, rules: Judge, ax: Axes | None) -> Axes:
    asked = frame.dropna(subset=["suite", "protocol"])
    order = known_at(asked)
    if order.notna().any():
        asked = asked[asked["round"] == asked["round"].iloc[order.argmax()]]
    columns = [name for name in PROTOCOLS if (asked["protocol"] == name).any()]
    asked = keep_best(asked, ["suite", "suite_code", "protocol"])
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
    notes = note_colours(cells, rules)
    notes += ["#: server's order"] if cells["rank"].notna().any() else []
    notes += ["! chosen, but the server's first flight was not sound for it"] if unsound.any() else []
    notes += [f"{text.counted(rest, 'more suite')} accepted in no version"] if rest else []
    notes += [f"round: {canvas.label(name)}" for name in asked["round"].dropna().unique()[:1]]
    service = canvas.label(frame["service"].iloc[0])
    if named.empty:
        return canvas.say_nothing(ax, f"Suites of {service}", say_none_accepted(asked, ["suite"], "suite"))
    return draw_matrix(
        ax, cells.assign(state=cell_states(cells)), rows=named["label"].to_list(), columns=columns, styles=STATES,
        what=("suite", "version"), notes=notes, corner=canvas.BITS,
        title=canvas.titled(f"Suites that {service} accepts{say_when(asked)}", frame),
    )  # fmt: skip
