"""Where the bytes of a message are: every byte is in one bar, and what is encrypted looks so."""

import pandas as pd
from matplotlib.colors import to_hex

import toolkit
from toolkit.chart import plot_bytes
from toolkit.chart.palette import BLUE, NEUTRAL, ORANGE
from toolkit.reference import offers
from toolkit.wire import Handshake


def bars(data: bytes) -> dict[str, tuple[int, str]]:
    """Label → length and colour of each bar."""
    ax = plot_bytes(toolkit.dissect(data))
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    drawn = [bar[0] for bar in ax.containers]
    return {
        label: (int(bar.get_width()), to_hex(bar.get_facecolor()).upper())
        for label, bar in zip(labels, drawn, strict=True)
    }


def test_every_byte_is_in_one_bar() -> None:
    hello = Handshake(offers()["any"], server_name="mx.example").start()
    shown = bars(hello)
    assert sum(size for size, _ in shown.values()) == len(hello)
    assert shown["records"] == (5, NEUTRAL)
    assert shown["ClientHello random"] == (32, BLUE)
    assert shown["ClientHello extension server_name"] == (4 + 5 + len("mx.example"), BLUE)


def test_what_is_encrypted_is_one_bar_of_another_colour() -> None:
    record = bytes.fromhex("1703030008") + bytes(8)
    assert bars(record * 3) == {"records": (15, NEUTRAL), "encrypted": (24, ORANGE)}


def test_the_largest_of_many_parts_are_drawn_and_no_bytes_are_said() -> None:
    frame = pd.DataFrame({"offset": range(50), "length": range(1, 51), "name": [f"Hello.part{n}" for n in range(50)]})
    ax = plot_bytes(frame.assign(meaning=""))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [f"Hello part{n}" for n in range(10, 50)]
    assert [note.get_text() for note in ax.texts if note.get_gid() == "notes"] == ["and 10 parts more, left out"]
    assert plot_bytes(toolkit.dissect(b"")).texts[0].get_text() == "There are no bytes."
