"""Annotations of a GitHub workflow: one command for each finding.

Commands are lines on standard output: `::error title=…::message`. `%`, line breaks, and in a property also `:` and `,`
are escaped (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
"""

from typing import Final

from toolkit.checking.formats.judged import Judged

_COMMANDS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}


def write(judged: Judged) -> str:
    """A line for each finding that is not accepted, and a line with the counts of all rows first."""
    lines = [f"::notice title={_property('tls-toolkit check')}::{_data(judged.summary)}"]
    for row in judged.findings:
        if row.state == "finding":
            message = f"{row.message}. {row.advice} [{row.finding_id}]"
            lines.append(f"::{_COMMANDS[row.severity]} title={_property(row.title)}::{_data(message)}")
    return "\n".join(lines) + "\n"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
