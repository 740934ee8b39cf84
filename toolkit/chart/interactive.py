"""Interactive charts: Vega-Lite specifications with hover, zoom and a filter, and pages of them that load nothing."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from toolkit import text
from toolkit.chart.palette import FAINT, INK
from toolkit.extras import require_extras
from toolkit.instants import DAY_IN_SECONDS

if TYPE_CHECKING:
    import altair as alt

DAY_MS: Final = 1000.0 * DAY_IN_SECONDS
"""Milliseconds of a day; Vega counts instants in milliseconds since 1970, `canvas.days` in days."""

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
_MIME: Final = "application/vnd.vegalite.v5+json"
"""What JupyterLab 4 draws by itself. The charts use nothing that came later."""

_WIDTH: Final = 640
_LABEL_PIXELS: Final = 320


@dataclass(frozen=True, slots=True)
class InteractiveChart:
    """An interactive chart: shown as the last line of a cell in JupyterLab, or written as a page.

    `chart` is Altair's chart, which can be changed with Altair's methods. `description` is the text alternative.

    >>> import toolkit
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> chart = toolkit.chart.explore_rotations(toolkit.find_rotations(tables))
    >>> chart
    <InteractiveChart: Certificate rotations  ·  lab data>
    >>> len(chart.as_part()) < len(chart.to_html()) < 1_200_000
    True
    """

    chart: "alt.TopLevelMixin"
    title: str
    description: str

    def to_html(self) -> str:
        """A page with the chart, of about 900 kB, that needs no network: `Path("x.html").write_text(chart.to_html())`.

        The scripts of Vega are part of the page, and its policy forbids others. They use no `eval`. Raises `UsageError`
        where the extra `interactive` is not installed.

        >>> import toolkit
        >>> expiry = toolkit.summarise_expiry(toolkit.load_example("web-series"), now="2026-03-18T00:00Z")
        >>> page = toolkit.chart.explore_expiry(expiry).to_html()
        >>> page.startswith("<!DOCTYPE html>"), "default-src 'none'" in page
        (True, True)
        """
        scripts = vega_scripts()
        policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; {scripts.policy}"
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{text.for_html(self.title)}</title>'
            f"{scripts.html}</head><body>{self.as_part()}</body></html>"
        )

    def as_part(self) -> str:
        """The chart as a part of a page that has `vega_scripts` in its head, with its text alternative.

        >>> import toolkit
        >>> expiry = toolkit.summarise_expiry(toolkit.load_example("web-series"), now="2026-03-18T00:00Z")
        >>> part = toolkit.chart.explore_expiry(expiry).as_part()
        >>> part.startswith('<div class="interactive" role="figure"'), part.endswith("</script>")
        (True, True)
        """
        # Without "<", no text in the data can end the element, which holds data and is not run.
        specification = json.dumps(self.chart.to_dict()).replace("<", "\\u003c")
        return (
            f'<div class="interactive" role="figure" aria-label="{text.for_html(self.description, limit=2000)}"></div>'
            f'<script type="application/json">{specification}</script>'
        )

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {_MIME: self.chart.to_dict() | {"$schema": _SCHEMA}, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<InteractiveChart: {text.plain(self.title)}>"


_STYLE: Final = """
.interactive { font: 13px sans-serif; }
.interactive .vega-bind { padding: 6px; }
.interactive .vega-embed { display: block; max-height: 80vh; overflow: auto; }
.interactive [aria-label^="X-axis"] text { paint-order: stroke; stroke: white; stroke-width: 6px; }
#vg-tooltip-element table tr td.value { max-width: none !important; max-height: none !important; }
"""

_DRAW: Final = """
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".interactive")) {
    const specification = JSON.parse(element.nextElementSibling.textContent);
    const bind = element.appendChild(document.createElement("div"));
    const chart = element.appendChild(document.createElement("div"));
    vegaEmbed(chart, specification, {ast: true, actions: false, renderer: "svg", bind: bind});
    // The axis above the rows stays in sight when they are scrolled.
    chart.addEventListener("scroll", () => {
      for (const axis of chart.querySelectorAll('[aria-label^="X-axis"]')) {
        axis.style.transform = "";
        const hidden = chart.getBoundingClientRect().top - axis.getBoundingClientRect().top;
        axis.style.transform = `translateY(${Math.max(hidden, 0) / axis.getScreenCTM().d}px)`;
      }
    });
  }
});
"""


class Scripts(NamedTuple):
    """What a page with interactive charts has in its head, and the directive of its policy that allows just that."""

    html: str
    policy: str


@cache
def vega_scripts() -> Scripts:
    """The scripts that draw the charts of a page: Vega, Vega-Lite and Vega-Embed, as `vl-convert` has them.

    Raises `UsageError` where the extra `interactive` is not installed.
    """
    with require_extras("A page with interactive charts", "interactive"):
        import vl_convert  # noqa: PLC0415  only an interactive page needs it

    script = f"{vl_convert.javascript_bundle(_DRAW)}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return Scripts(f"<style>{_STYLE}</style><script>{script}</script>", f"script-src 'sha256-{digest}'")


def load_altair() -> Any:
    """The module `altair`. Raises `UsageError` where the extra `interactive` is not installed."""
    with require_extras("An interactive chart", "interactive"):
        import altair  # noqa: PLC0415  it takes a second, and other charts do not need it

    return altair


def assemble(
    layers: Sequence[Any],
    rows: Iterable[Mapping[str, Any]],
    *,
    title: str,
    noun: str,
    row_pixels: float,
    notes: Sequence[str] = (),
    is_zoomable: bool = True,
) -> InteractiveChart:
    """The layers over `rows`, with a field that filters them by the text in `label`, and with zoom along the time axis.

    `noun` names what a row is about, for the field. `title` and `notes` must be plain text.
    """
    alt = load_altair()
    listed = list(rows)
    wanted = alt.param(
        name="wanted", value="", bind=alt.binding(input="search", placeholder=f"part of a {noun}", name=f"Show {noun} ")
    )
    names = list(dict.fromkeys(str(row["label"]) for row in listed))
    # A row of its own, with data that are not filtered as the layers are: only there where nothing else is.
    unmatched = (
        alt.Chart(alt.Data(values=[{"label": f"no {noun} matches", "row": 0, "names": "\n".join(names)}]))
        .transform_filter("indexof(lower(datum.names), lower(wanted)) < 0")
        .mark_point(opacity=0)
        .encode(y=rows_axis())
    )
    chart = (
        alt.layer(
            *layers,
            unmatched,
            data=alt.Data(values=listed),
            width=_WIDTH,
            height=alt.Step(row_pixels, **{"for": "position"}),
        )
        .add_params(wanted)
        .transform_filter("indexof(lower(datum.label), lower(wanted)) >= 0")
        # Without `resize`, longer labels than those before the filter changed would be cut off.
        .properties(
            title=alt.TitleParams(title, anchor="start", subtitle=list(notes), color=INK),
            autosize=alt.AutoSizeParams(type="pad", resize=True),
        )
        .resolve_scale(color="independent", shape="independent")
        .configure(background="#FFFFFF", font="sans-serif")
        # The axis is in front of the marks, and its grid must not cut them.
        .configure_axis(
            labelColor=INK,
            gridColor=INK,
            gridOpacity=0.12,
            domainColor=FAINT,
            tickColor=FAINT,
            labelLimit=_LABEL_PIXELS,
        )
        .configure_legend(labelLimit=_LABEL_PIXELS)
        .configure_view(stroke=None)
    )
    if is_zoomable:
        # The wheel alone scrolls the page.
        zoom = alt.selection_interval(bind="scales", encodings=["x"], name="zoom", zoom="wheel![event.ctrlKey]")
        chart = chart.add_params(zoom)
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    described = f"Interactive chart: {title}. Rows: {', '.join(names[:8])}{more}. {' '.join(notes)}".strip()
    return InteractiveChart(chart, title, described)


def rows_axis() -> Any:
    """The encoding of `label` as rows, in the order of `row`."""
    alt = load_altair()
    order = alt.EncodingSortField(field="row", op="min", order="ascending")
    return alt.Y("label:N", sort=order, axis=alt.Axis(title=None, ticks=False, domain=False))


def as_ms(days: object) -> float | None:
    """Days since 1970, as milliseconds; null is None."""
    return None if pd.isna(days) else round(float(days) * DAY_MS)  # type: ignore[call-overload, arg-type]


def as_words(value: object) -> str:
    """A value for a tooltip: an instant to the minute in UTC, a number of days, or harmless text; null is a dash."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return text.plain(value)


def unique(labels: Sequence[str]) -> list[str]:
    """The labels of rows as Vega needs them: one line, and different from each other."""
    seen: dict[str, int] = {}
    made = []
    for label in labels:
        shown = " ".join(label.replace(r"\$", "$").split("\n"))
        seen[shown] = seen.get(shown, 0) + 1
        made.append(shown if seen[shown] == 1 else f"{shown} ({seen[shown]})")
    return made
