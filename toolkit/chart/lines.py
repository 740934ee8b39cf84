"""Lines, as `toolkit.analyse` means them: a service, server name and key type, and how a row is labelled with one."""

from typing import Final

import pandas as pd

from toolkit.chart import canvas

LINE: Final = ["service", "host", "server_name", "key_type"]
"""What names a line; `host` where a source names no service."""


def label_lines(lines: pd.DataFrame) -> list[str]:
    """A label per line: its service, else its host; server name and key type where needed to tell lines apart.

    `lines` has the columns of `LINE`.
    """
    lines = lines[LINE].astype(object).where(lines[LINE].notna(), "")
    named = [str(line.service or line.host or line.server_name) for line in lines.itertuples()]
    parts = pd.DataFrame({"named": named, "server_name": lines["server_name"], "key_type": lines["key_type"]})
    names = parts.groupby("named")["server_name"].transform("nunique") > 1
    types = parts.groupby(["named", "server_name"])["key_type"].transform("nunique") > 1
    labels = []
    for line, has_names, has_types in zip(parts.itertuples(), names, types, strict=True):
        shown = canvas.label(line.named)
        if has_names:
            shown += "\nfor " + canvas.label(line.server_name)
        if has_types:
            shown += "  " + canvas.label(line.key_type, width=12)
        labels.append(shown)
    return labels
