"""Interactive charts in a real browser, on the page of a report: hover, zoom, filter, and names that are markup."""

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

import toolkit
from tests.acceptance.pages import Page
from tests.conftest import need
from toolkit.chart.interactive import vega_scripts
from toolkit.report import Parts
from toolkit.report.pages import load_exporter, render_page

MARKUP = 'x"><img src=x onerror=alert(1)></script><script>alert(2)</script>'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A page with one chart, as a report has it. One of the services has markup as its name."""
    rotations = toolkit.find_rotations(toolkit.load_example("lab-sample"))
    is_relay = rotations["host"] == "relay.lab.test"
    rotations["service"] = rotations["service"].mask(is_relay, MARKUP)
    shown = Parts(is_interactive=True).chart(
        toolkit.chart.plot_rotations(rotations),
        call="plot_rotations(…)",
        used=rotations,
        explore=lambda: toolkit.chart.explore_rotations(rotations),
    )
    output = nbformat.v4.new_output("display_data", {"text/html": shown.html})
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    path = tmp_path / "report.html"
    path.write_text(render_page(document, load_exporter(has_code=False), title="x", scripts=vega_scripts()), "utf-8")
    return path


def test_a_reader_hovers_zooms_and_filters_and_nothing_else_is_run(report: Path) -> None:
    chromium = need("chromium")
    (policy,) = [a["content"] for _, a in Page(report).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert "script-src 'sha256-" in str(policy)
    assert "unsafe-eval" not in str(policy)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=False)
        page = browser.new_page()
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: request.url.startswith("file:") or problems.append(request.url))
        page.goto(report.as_uri())
        bars = page.locator(".interactive .mark-rect path")
        expect(bars.first).to_be_visible()
        everything = bars.count()
        expect(page.locator("figure > img")).to_be_hidden()

        page.set_viewport_size({"width": 900, "height": 300})
        chart, dates = page.locator(".vega-embed"), page.locator('.vega-embed [aria-label^="X-axis"]')
        chart.evaluate("chart => { chart.scrollTop = 200 }")
        expect(dates).to_have_attribute("style", re.compile("translateY"))
        top = "element => element.getBoundingClientRect().top"
        assert dates.evaluate(top) == pytest.approx(chart.evaluate(top), abs=2)

        page.get_by_role("searchbox").fill("ONERROR")
        page.wait_for_function(
            "n => document.querySelectorAll('.interactive .mark-rect path').length < n", arg=everything
        )
        bars.first.hover()
        tooltip = page.locator("#vg-tooltip-element")
        expect(tooltip).to_contain_text("fingerprint")
        expect(tooltip).to_contain_text("<img src=x")

        width = bars.first.bounding_box()["width"]  # type: ignore[index]
        page.keyboard.down("Control")
        page.mouse.wheel(0, -500)
        page.wait_for_function(
            "w => document.querySelector('.interactive .mark-rect path').getBoundingClientRect().width > w", arg=width
        )
        page.emulate_media(media="print")
        expect(page.locator("figure > img")).to_be_visible()
        expect(page.locator(".interactive")).to_be_hidden()
        browser.close()
    assert not problems
