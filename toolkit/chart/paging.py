"""A frame in parts whose charts fit a page each."""

import numpy as np
import pandas as pd

from toolkit import text
from toolkit.analyse.slots import SLOT
from toolkit.chart.canvas import MOST_ROWS
from toolkit.chart.expiry import COLUMNS as EXPIRY, place_rows
from toolkit.chart.slots import in_natural_order, natural
from toolkit.chart.trust import COLUMNS as TRUST, place_chains
from toolkit.errors import UsageError


def split_pages(frame: pd.DataFrame, *, rows: int = MOST_ROWS) -> list[pd.DataFrame]:
    """The frame in parts of at most `rows` slots each, in the order of their names, for a chart on each page.

    What `summarise_expiry` returns is split in the order of `plot_expiry`; slots without dates are on the last page;
    what `verify_chains` or `replay_trust` returns, in the order of `plot_trust`, at most `rows` chains and stores each.
    A slot (service, server name, key type) stays whole; a frame without the columns of a slot is split by service. An
    empty frame is one part. Raises `UsageError` where `rows` is not a number from 1 on, and for a frame that has
    neither.

    >>> import toolkit
    >>> sightings = toolkit.find_sightings(toolkit.load_example("lab-sample"))
    >>> pages = toolkit.chart.split_pages(sightings, rows=5)
    >>> [len(toolkit.chart.plot_sightings(page).get_yticks()) for page in pages]
    [5, 3]
    """
    if not isinstance(frame, pd.DataFrame) or "service" not in frame:
        raise UsageError(f"split_pages takes a frame with the column `service`, not {text.type_name(frame)}.")
    if not isinstance(rows, int) or rows < 1:
        raise UsageError(f"rows={rows!r:.60}: write a whole number from 1 on.")
    if frame.columns.isin(TRUST).sum() == len(TRUST):
        pages = place_chains(frame, rows=rows).reindex(range(len(frame)))
        pages = pages.fillna(0 if pages.isna().all() else pages.max())
        return [part for _, part in frame.groupby(pages.to_numpy(), sort=True)] or [frame]
    keys = list(SLOT) if frame.columns.isin(SLOT).sum() == len(SLOT) else ["service"]
    numbers = frame.groupby(keys, sort=False, dropna=False).ngroup()
    heads = frame.assign(number=numbers).drop_duplicates("number")
    if frame.columns.isin(EXPIRY).sum() == len(EXPIRY):
        dated = frame.assign(number=numbers).dropna(subset=["not_before", "not_after", "days_left"])
        rows_of_chart, _, _ = place_rows(dated, None, most=len(dated))
        places = rows_of_chart.groupby("number")["y"].min()
        order = list(np.argsort(heads["number"].map(places).fillna(np.inf).to_numpy(float), kind="stable"))
    elif keys == ["service"]:
        order = sorted(range(len(heads)), key=lambda place: natural(str(heads["service"].iloc[place])))
    else:
        order = in_natural_order(heads)
    page = {number: place // rows for place, number in enumerate(heads["number"].iloc[order])}
    parts = [part for _, part in frame.groupby(numbers.map(page), sort=True)]
    return parts or [frame]
