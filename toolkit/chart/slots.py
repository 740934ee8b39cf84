"""Lines, as `toolkit.analyse` means them: a service, server name and key type, and how a row is labelled with one."""

import re
from typing import Final

import pandas as pd

from toolkit.chart import canvas

SLOT: Final = ["service", "host", "server_name", "key_type"]
"""What names a line; `host` where a source names no service."""


def in_natural_order(lines: pd.DataFrame) -> list[int]:
    """The positions of the lines by service (else host) and server name, `mx2` before `mx10`; others as they come.

    `lines` has the columns of `SLOT`.
    """
    named = lines["service"].mask(lines["service"].fillna("") == "", lines["host"])
    keys = [
        (natural(one), natural(other))
        for one, other in zip(named.fillna(""), lines["server_name"].fillna(""), strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def natural(name: str) -> list[tuple[str, int, str]]:
    """What sorts the numbers of a name by their value: the words between them, the value, the digits as written."""
    parts = re.split(r"([0-9]+)", str(name))
    return [
        (words, int(digits[:300] or 0), digits) for words, digits in zip(parts[::2], [*parts[1::2], ""], strict=True)
    ]


def label_lines(lines: pd.DataFrame) -> list[str]:
    """A label per line: its service, else its host; server name and key type where needed to tell lines apart.

    `lines` has the columns of `SLOT`.
    """
    lines = lines[SLOT].astype(object).where(lines[SLOT].notna(), "")
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
