"""PDF of a page: printed by a browser of the Chromium family, without a window and without a network."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from toolkit.errors import OutputError, ToolkitError

BROWSERS: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
"""Programs that can print a page, in the order in which they are tried."""

_MOST_SECONDS: Final = 300
_OPTIONS: Final = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    # A page loads nothing: its policy forbids it. The browser itself does not reach the network either.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)


def find_browser() -> str:
    """The path of a browser that prints PDF. Raises `OutputError`, with what to do, where there is none."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        raise OutputError(
            "A PDF is printed by Chromium, Chrome or Edge, and none of them is installed: install one (Debian: apt "
            "install chromium), or write an HTML file (--output report.html) and print it from any browser."
        )
    return found


def print_page(page: str, *, browser: str) -> bytes:
    """The page as PDF. Raises `ToolkitError`, with the browser's last line, where it does not print."""
    with tempfile.TemporaryDirectory(prefix="print-", ignore_cleanup_errors=True) as folder:
        html, pdf = Path(folder) / "report.html", Path(folder) / "report.pdf"
        html.write_text(page, encoding="utf-8")
        # As root, the browser refuses to start with its sandbox, as in a container.
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        command = [browser, *_OPTIONS, *(["--no-sandbox"] if is_root else []), f"--user-data-dir={folder}/profile",
                   f"--print-to-pdf={pdf}", html.as_uri()]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_MOST_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolkitError(f"{browser} did not print the report: {error}. Write an HTML file instead.") from error
        if not pdf.is_file() or not pdf.stat().st_size:
            *_, last = ["no message", *done.stderr.strip().splitlines()]
            raise ToolkitError(f"{browser} did not print the report: {last}. Write an HTML file instead.")
        return pdf.read_bytes()
