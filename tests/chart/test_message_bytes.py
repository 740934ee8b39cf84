"""The bytes of a message in hex: every field is named, long ones are folded, and what is encrypted looks so."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text

import toolkit
from toolkit.chart import darken, plot_bytes
from toolkit.chart.palette import BLUE, DARK, NEUTRAL, ORANGE
from toolkit.reference import offers
from toolkit.wire import Handshake


def boxes(ax: Axes) -> list[Text]:
    """The texts that hold bytes."""
    return [words for words in ax.texts if words.get_bbox_patch() is not None]


def drawn(ax: Axes) -> list[tuple[str, str]]:
    """Hex and colour of each row of bytes, from the top down."""
    return [(words.get_text(), to_hex(words.get_bbox_patch().get_facecolor()).upper()) for words in boxes(ax)]


def names(ax: Axes) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def test_short_fields_are_whole_and_in_order() -> None:
    alert = bytes.fromhex("15030300020228")
    ax = plot_bytes(toolkit.dissect(alert))
    assert names(ax) == ["record", "alert level", "alert description"]
    assert drawn(ax) == [("15 03 03 00 02", NEUTRAL), ("02", BLUE), ("28", BLUE)]


def test_a_hello_is_named_field_by_field_and_no_byte_is_lost() -> None:
    hello = Handshake(offers()["any"], server_name="mx.example").start()
    ax = plot_bytes(toolkit.dissect(hello))
    assert names(ax)[:5] == ["record", "ClientHello", "client_version", "random", "session_id"]
    assert {"extension server_name", "extension key_share"} <= set(names(ax))
    shown = sum(len(bytes.fromhex(digits)) for digits, _ in drawn(ax))
    folded = [words.get_text() for words in ax.texts if words.get_text().startswith("…")]
    assert shown + sum(int(words.split()[1].replace(",", "")) for words in folded) == len(hello)
    assert max(len(digits.split()) for digits, _ in drawn(ax)) == 16
    offsets = [words.get_text() for words in ax.texts if words.get_ha() == "right" and words.get_gid() is None]
    assert offsets[:4] == ["0", "5", "9", "11"]


def test_what_is_encrypted_has_another_colour_and_a_hatch() -> None:
    ax = plot_bytes(toolkit.dissect((bytes.fromhex("1703030008") + bytes(8)) * 2))
    assert [colour for _, colour in drawn(ax)] == [NEUTRAL, ORANGE] * 2
    assert [bool(words.get_bbox_patch().get_hatch()) for words in boxes(ax)] == [False, True] * 2
    assert names(ax) == ["record", "application_data encrypted"] * 2
    assert {colour for _, colour in drawn(darken(ax))} == {DARK[NEUTRAL], DARK[ORANGE]}


def test_certificates_are_drawn_one_by_one() -> None:
    parts = ("msg_type", "body.length", "certificate_list.length", "certificate_list.0.certificate.length",
             "certificate_list.0.certificate", "certificate_list.1.certificate")  # fmt: skip
    rows = [(place, 1, f"Certificate.{part}", "00") for place, part in enumerate(parts)]
    ax = plot_bytes(pd.DataFrame(rows, columns=["offset", "length", "name", "value"]))
    assert names(ax) == ["Certificate", "certificate_list", "certificate 0", "certificate 1"]


def test_a_long_message_ends_with_a_note_and_no_bytes_are_said() -> None:
    rows = [(place, 1, f"Hello.part{place}", "00") for place in range(60)]
    ax = plot_bytes(pd.DataFrame(rows, columns=["offset", "length", "name", "value"]))
    assert names(ax) == [f"part{place}" for place in range(48)]
    assert [note.get_text() for note in ax.texts if note.get_gid() == "notes"] == ["and 12 fields more, left out"]
    assert plot_bytes(toolkit.dissect(b"")).texts[0].get_text() == "There are no bytes."
