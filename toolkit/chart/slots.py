"""Slots (service, server name, key type): their natural order, and the labels of their rows."""

import re

import pandas as pd

from toolkit.analyse.slots import SLOT
from toolkit.chart import canvas


def in_natural_order(slots: pd.DataFrame) -> list[int]:
    """The positions of the slots by service (else host) and server name, `mx2` before `mx10`.

    `slots` has the columns `SLOT`. Slots with equal names keep their order.
    """
    named = slots["service"].mask(slots["service"].fillna("") == "", slots["host"])
    keys = [
        (natural(one), natural(other))
        for one, other in zip(named.fillna(""), slots["server_name"].fillna(""), strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def natural(name: str) -> list[tuple[str, int, str]]:
    """A sort key by which numbers in a name are ordered by value: text before each number, its value, its digits."""
    parts = re.split(r"([0-9]+)", str(name))
    return [
        (words, int(digits[:300] or 0), digits) for words, digits in zip(parts[::2], [*parts[1::2], ""], strict=True)
    ]


def label_slots(slots: pd.DataFrame) -> list[str]:
    """A label per slot: its service, else its host; server name and key type where slots would have equal labels.

    `slots` has the columns `SLOT`.
    """
    slots = slots[SLOT].astype(object).where(slots[SLOT].notna(), "")
    named = [str(slot.service or slot.host or slot.server_name) for slot in slots.itertuples()]
    parts = pd.DataFrame({"named": named, "server_name": slots["server_name"], "key_type": slots["key_type"]})
    names = parts.groupby("named")["server_name"].transform("nunique") > 1
    types = parts.groupby(["named", "server_name"])["key_type"].transform("nunique") > 1
    labels = []
    for slot, has_names, has_types in zip(parts.itertuples(), names, types, strict=True):
        shown = canvas.label(slot.named)
        if has_names:
            shown += "\nfor " + canvas.label(slot.server_name)
        if has_types:
            shown += "  " + canvas.label(slot.key_type, width=12)
        labels.append(shown)
    return labels
