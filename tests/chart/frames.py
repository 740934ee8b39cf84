"""Frames as `analyse` returns them, written by hand, so that charts are tested without what fills them."""

import itertools
from datetime import UTC, datetime

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

INSTANT = "datetime64[us, UTC]"

HOSTILE = {
    "dollars": "mail $x_{$ $y$",
    "newline": "mail\nexample\r\x0b",
    "escape": "mail\x1b[2J\x00",
    "bidi": "mail\u202egro.elpmaxe\u2066",
    "long": "a" * 300,
    "markup": "<script>&amp;</script>",
    "underscore": "_hidden",
    "no glyph": "邮件\U0001f600",
    "combining": "e" + "\u0301" * 40,
    "backslash": "mail\\$\\frac{1}{2}$",
}
"""What a subject, a host name or a suite's name may hold."""


def at(text: str | None) -> pd.Timestamp:
    return pd.NaT if text is None else pd.Timestamp(text, tz="UTC")


def now(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame:
        if str(name).endswith(("_at", "_before", "_after", "_seen", "observed_from", "observed_until")):
            frame[name] = pd.to_datetime(frame[name], utc=True).astype(INSTANT)
        elif str(name).endswith(("_sha256", "service", "host", "server_name", "key_type", "source", "state")):
            frame[name] = frame[name].astype("string")
    return frame


def sighting(leaf: str, valid: tuple[str, str], seen: tuple[str, str] | None = None, **facts: object) -> dict:
    """A row of `find_sightings`; looks before and after are known unless the facts say otherwise."""
    first, last = seen or (None, None)
    row = {
        "service": "smtp://mx.example:25", "host": "mx.example", "server_name": "mx.example", "key_type": "RSA",
        "leaf_sha256": leaf, "subject": "CN=mx.example", "not_before": at(valid[0]), "not_after": at(valid[1]),
        "first_seen_at": at(first), "last_seen_at": at(last), "previous_look_at": pd.NaT, "next_look_at": pd.NaT,
        "looks": 2 if seen else 0, "source": "live",
    }  # fmt: skip
    return row | facts


def sightings(*rows: dict) -> pd.DataFrame:
    return typed(pd.DataFrame(list(rows)))


def rotations(*rows: dict) -> pd.DataFrame:
    """Pairs of successive sightings of each slot: the columns of `find_rotations` that a chart reads."""
    pairs = []
    slot = ["service", "host", "server_name", "key_type"]
    for key, group in pd.DataFrame(list(rows)).groupby(slot, dropna=False, sort=False):
        listed = group.sort_values(["not_before", "first_seen_at"]).to_dict("records")
        for former, latter in itertools.pairwise(listed):
            pair = dict(zip(slot, key, strict=True))
            for prefix, life in (("predecessor", former), ("successor", latter)):
                pair[f"{prefix}_sha256"] = life["leaf_sha256"]
                for name in ("not_before", "not_after", "first_seen_at", "last_seen_at"):
                    pair[f"{prefix}_{name}"] = life[name]
            pair["start_max_at"], pair["done_min_at"] = latter["first_seen_at"], former["last_seen_at"]
            overlap = (former["last_seen_at"] - latter["first_seen_at"]) / pd.Timedelta(days=1)
            pair["overlap_min_days"] = None if pd.isna(overlap) else max(overlap, 0.0)
            pair["is_rollback"] = False
            pair["is_ambiguous"] = latter["first_seen_at"] < former["first_seen_at"]
            pair["source"] = former["source"]
            pairs.append(pair)
    return typed(pd.DataFrame(pairs))


def drawn(axes: Axes, gid: str) -> list[Artist]:
    """The artists of the axes that carry this mark."""
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def points(axes: Axes, gid: str) -> int:
    """How many markers (or lines) the collections with this mark hold."""
    return sum(len(artist.get_offsets()) for artist in drawn(axes, gid))


def segments(axes: Axes, gid: str) -> list:
    return [segment for artist in drawn(axes, gid) for segment in artist.get_segments()]


def words(axes: Axes) -> list[str]:
    """Everything that the axes say, as it is handed to matplotlib."""
    legend = axes.get_legend()
    said = [axes.get_title("left"), *(text.get_text() for text in axes.texts)]
    said += [tick.get_text() for tick in (*axes.get_yticklabels(), *axes.get_xticklabels())]
    return said + ([text.get_text() for text in legend.get_texts()] if legend else [])
