"""JupyterLab in a real browser: a lesson runs with Run All, the panel's buttons work, an interrupt keeps what was seen.

Playwright drives Debian's Chromium. Screenshots are written to `build/jupyterlab`.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.conftest import ROOT, need
from toolkit.shipped import copy_lessons

PICTURES = ROOT / "build" / "jupyterlab"
WITH_PANEL = "13-replace-without-an-outage.ipynb"

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # Every cell is in the page, also those that are not in view.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
"""JupyterLab's settings of the test: it asks nothing of the network."""

PATIENCE_MS = 120_000
"""Limit of each wait; a busy machine is not a failure."""

ANSWERS = urllib3.Retry(total=30, backoff_factor=0.1, backoff_max=2)
"""How often to connect to a server that starts."""


@pytest.fixture
def jupyterlab(page: Page, tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab whose folder has the lessons and their data; where there is a browser."""
    folder = tmp_path
    copy_lessons(folder / "root")
    for name, settings in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
        "--IdentityProvider.token=", f"--ServerApp.root_dir={folder / 'root'}",
        f"--LabApp.user_settings_dir={folder / 'settings'}", f"--LabApp.workspaces_dir={folder / 'workspaces'}",
    ]  # fmt: skip
    with subprocess.Popen(command, env=os.environ | own, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = (re.search(r"http://127\.0\.0\.1:\d+/lab", line) for line in server.stderr)
            address = next(match.group() for match in found if match)
            urllib3.request("GET", address, retries=ANSWERS)  # It prints the address before it listens there.
            yield address
        finally:
            server.terminate()
            server.communicate(timeout=60)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a headless Chromium that reaches nothing but this machine."""
    chromium = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            chromium_sandbox=False,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page
        browser.close()


def run_all(page: Page, address: str, notebook: str) -> Locator:
    """Open a lesson and run all its cells; the lesson, after the last one has ended without an error."""
    page.goto(f"{address}/tree/notebooks/{notebook}?reset")
    lesson = page.locator(".jp-NotebookPanel")
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    # Each code cell gets a number when it has run: before it has [ ], meanwhile [*]. A folded cell shows no prompt.
    prompts = lesson.locator(".jp-CodeCell:not(:has(.jp-InputPlaceholder)) .jp-InputPrompt")
    expect(prompts.filter(has_text=re.compile(r"\[\d+\]"))).to_have_count(prompts.count())
    expect(lesson.locator(".jp-OutputArea-output[data-mime-type*=error]")).to_have_count(0)
    return lesson


def photograph(shown: Page | Locator, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=PICTURES / f"{name}.png")


def test_a_lesson_runs_in_jupyterlab_and_the_panel_works(jupyterlab: str, page: Page) -> None:
    lesson = run_all(page, jupyterlab, WITH_PANEL)
    assert lesson.locator(".jp-RenderedImage img").count() == 3
    photograph(page, "lesson")

    # The lesson has stopped the servers at its end. Running the panel's cell again starts others.
    lesson.locator(".jp-CodeCell", has_text="LabPanel(").locator(".jp-InputPrompt").click()
    page.keyboard.press("Control+Enter")
    panel = lesson.locator(".jp-OutputArea-output .widget-vbox")
    expect(panel).to_contain_text("Lab time 2026-01-01 00:00 UTC")
    panel.get_by_role("button", name="Turn the clock").click()
    expect(panel).to_contain_text("Lab time 2026-01-02 00:00 UTC · 6 looks")
    chart = panel.get_by_alt_text("Certificates seen").first
    expect(panel.get_by_alt_text("What expires when")).to_be_visible()
    before = chart.get_attribute("src")
    photograph(panel, "panel")

    panel.get_by_label("Step").select_option("30 days")
    panel.get_by_role("button", name="Run the rounds").click()
    expect(panel).not_to_contain_text("Lab time 2026-01-02")
    lesson.get_by_title("Interrupt the kernel").click()
    expect(panel).to_contain_text("Interrupted: what")
    assert chart.get_attribute("src") != before
    photograph(panel, "panel-interrupted")
    panel.get_by_role("button", name="Stop the servers").click()
    panel.get_by_role("button", name="Observe again").click()
    expect(panel).to_contain_text("The servers of this panel are stopped")
