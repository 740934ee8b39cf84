"""Charts of changes, key exchange, issuers, weeks of expiry and certificates: what they count, order and leave out."""

import itertools
from io import BytesIO
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

import toolkit
from tests.chart.frames import HOSTILE, at, typed
from toolkit.chart import (
    describe_chart,
    plot_certificate_tree,
    plot_changes,
    plot_expiry_weeks,
    plot_issuers,
    plot_key_exchange,
)
from toolkit.errors import UsageError

NOW = "2026-01-01T00:00:00Z"


def ids(ax: Axes) -> list[str]:
    return [str(artist.get_gid()) for artist in ax.get_children() if artist.get_gid()]


def rows(ax: Axes) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def notes(ax: Axes) -> str:
    return "\n".join(words.get_text() for words in ax.texts if words.get_gid() == "notes")


def change(item: str, what: str, *, service: str = "a", question: str = "suite", protocol: str = "TLS 1.2") -> dict:
    return {"service": service, "question": question, "protocol": protocol, "item": item, "change": what,
            "before_at": at("2025-01-01"), "after_at": at("2026-01-01"), "source": "live"}  # fmt: skip


def expiring(service: str, ends: str, *, state: str = "valid", leaf: str | None = None, issuer: str = "CN=ca") -> dict:
    return {"service": service, "host": service, "leaf_sha256": leaf or f"{service}{ends}", "state": state,
            "not_after": at(ends), "issuer": issuer, "source": "live"}  # fmt: skip


def look(service: str, when: str | None, *, group: str | None = None, code: int | None = None) -> dict:
    return {"service": service, "host": service, "observed_at": at(when), "outcome": "ok", "group": group,
            "suite_code": code, "source": "live"}  # fmt: skip


def certificate(name: str, issuer: str, *, key: str | None = None, issuer_key: str | None = None) -> dict:
    return {"cert_sha256": f"{name}{key}", "subject": f"CN={name}", "issuer": f"CN={issuer}", "is_ca": key is not None,
            "not_after": at("2026-06-01"), "authority_key_id": issuer_key, "subject_key_id": key}  # fmt: skip


def test_a_gain_is_filled_a_loss_is_framed_and_both_have_the_colour_of_the_judgement() -> None:
    rc4, gcm = "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    frame = pd.DataFrame([
        change(gcm, "gained"), change(gcm, "gained", service="b"),
        change(rc4, "lost"), change(rc4, "gained", service="b"),
        change("TLS 1.0", "lost", question="protocol", protocol="TLS 1.0"), change("x", "lost", question="key_type"),
    ])  # fmt: skip
    ax = plot_changes(frame)
    assert rows(ax) == ["the version itself", rc4, gcm], "a gain of what is prohibited comes first"
    cells = [name for name in ids(ax) if name.startswith("cell-")]
    assert sorted(cells) == ["cell-gained, allowed", "cell-gained, prohibited", "cell-lost, prohibited"]
    assert "+ 2" in [words.get_text() for words in ax.texts]
    assert "1 cell also lost at other services" in notes(ax)
    assert "not drawn: 1 other change" in notes(ax)


def test_each_service_counts_once_in_a_month_with_its_last_look() -> None:
    frame = pd.DataFrame([
        look("a", "2026-01-02", group="x25519"), look("a", "2026-01-20", group="X25519MLKEM768"),
        look("b", "2026-01-03", code=0x002F), look("c", None, group="x25519"),
    ])  # fmt: skip
    ax = plot_key_exchange(frame)
    drawn = {str(line.get_gid()): list(line.get_ydata()) for line in ax.lines}
    assert drawn == {"post-quantum": [0.5], "static": [0.5]}
    assert "not drawn: 1 look without an exact date" in notes(ax)
    assert sum(name.startswith("interval-") for name in ids(ax)) == 2


def test_many_months_are_quarters_or_years() -> None:
    def drawn(months: int) -> tuple[int, str]:
        days = pd.date_range("2008-01-01", periods=months, freq="MS")
        ax = plot_key_exchange(pd.DataFrame([look("a", str(day), group="x25519") for day in days]))
        return len(ax.lines[0].get_xdata()), notes(ax)

    assert drawn(36) == (36, "last look of each service in each month")
    assert drawn(60) == (20, "last look of each service in each quarter")
    assert drawn(240) == (20, "last look of each service in each year")


def test_a_kind_is_drawn_from_the_period_before_its_first_look_to_the_one_after_its_last() -> None:
    groups = ["x25519", "x25519", "X25519MLKEM768", "x25519", "x25519", "x25519"]
    ax = plot_key_exchange(pd.DataFrame([look("a", f"2026-0{n + 1}-02", group=name) for n, name in enumerate(groups)]))
    shares = {str(line.get_gid()): list(line.get_ydata()) for line in ax.lines}
    assert shares == {"post-quantum": [0, 1, 0], "ECDHE": [1, 1, 0, 1, 1, 1]}


def test_a_line_breaks_where_nothing_was_observed() -> None:
    months = ["2020-01-02", "2020-02-02", "2020-03-02", "2023-01-02"]
    ax = plot_key_exchange(pd.DataFrame([look("a", when, group="x25519") for when in months]))
    (line,) = ax.lines
    assert list(pd.isna(line.get_xdata())) == [False, False, False, True, False]
    assert "lines break at gaps" in notes(ax)
    yearly = plot_key_exchange(pd.DataFrame([look("a", f"{year}-01-02", group="x25519") for year in (2021, 2022)]))
    assert "lines break" not in notes(yearly)
    far = plot_key_exchange(pd.DataFrame([look("a", f"{year}-01-02", group="x25519") for year in (2011, 2022)]))
    assert "lines break" in notes(far)


def test_issuers_are_counted_by_certificate_in_use() -> None:
    many = [expiring(f"s{n}", "2026-05-01", issuer=f"CN=ca{n:02d}") for n in range(30)]
    frame = pd.DataFrame([*many, expiring("x", "2026-05-01"), expiring("y", "2026-05-02"),
                          expiring("z", "2025-05-02", state="replaced", issuer="CN=old")])  # fmt: skip
    ax = plot_issuers(frame)
    assert rows(ax)[0] == "CN=ca"
    assert rows(ax)[-1] == "and 11 issuers more"
    assert "CN=old" not in rows(ax)
    assert ax.get_title(loc="left").startswith("Issuers of 32 certificates")


def test_weeks_count_a_shared_leaf_once_for_all_services_and_the_soonest_comes_first() -> None:
    frame = typed(pd.DataFrame([
        expiring("b", "2026-01-10", leaf="one"), expiring("a", "2026-01-10", leaf="one"),
        expiring("c", "2025-12-31", state="expired"), expiring("d", "2027-01-01"),
    ]))  # fmt: skip
    ax = plot_expiry_weeks(frame, now=NOW)
    assert rows(ax) == ["all services", "c", "a", "b"]
    assert [words.get_text() for words in ax.texts if words.get_gid() is None] == ["1"] * 5
    assert ids(ax).count("expired") == 2
    assert "1 service without a certificate that expires within 26 weeks" in notes(ax)
    with pytest.raises(UsageError, match="has no zone"):
        plot_expiry_weeks(frame, now="2026-01-01")


def test_many_services_share_a_row_where_their_certificates_expire_in_the_same_weeks() -> None:
    days = pd.date_range("2026-01-02", periods=26, freq="7D").strftime("%Y-%m-%d")
    once = [expiring(f"s{week}-{n}", day) for week, day in enumerate(days) for n in range(10)]
    twice = [expiring(f"t{week}", days[week + ahead]) for week in range(20) for ahead in (0, 2)]
    ax = plot_expiry_weeks(typed(pd.DataFrame([*once, *twice])), now=NOW)
    assert rows(ax)[:3] == ["all services", "s0-0 and 9 more", "t0"]
    assert len(rows(ax)) == 41
    assert "and 60 services more, left out" in notes(ax)
    assert len(rows(plot_expiry_weeks(typed(pd.DataFrame(once[:40])), now=NOW))) == 41


def test_a_tree_shows_cross_signatures_other_keys_and_what_is_not_on_record() -> None:
    frame = pd.DataFrame([
        certificate("leaf", "ca", issuer_key="k1"),
        certificate("ca", "root", key="k1"), certificate("ca", "other root", key="k1") | {"cert_sha256": "cross"},
        certificate("ca", "root", key="k2"), certificate("root", "root", key="r"),
    ])  # fmt: skip
    ax = plot_certificate_tree(frame)
    assert ids(ax).count("leaf") == 1
    assert ids(ax).count("missing") == 1, "the other root"
    assert ids(ax).count("root") == 1
    # leaf to both CAs with its issuer's key; these to their roots; the CA with another key to the root.
    assert ids(ax).count("issued") == 5


def test_of_many_leaves_only_the_issuers_of_those_that_are_drawn_are_drawn() -> None:
    leaves = [certificate(f"leaf{n}", "ca") | {"cert_sha256": f"{n}"} for n in range(30)]
    others = [
        certificate("old leaf", "old ca") | {"not_after": at("2020-01-01")},
        certificate("old ca", "root", key="2"),
    ]
    ax = plot_certificate_tree(pd.DataFrame([*leaves, *others, certificate("ca", "root", key="1")]))
    assert ids(ax).count("leaf") == 24
    assert ids(ax).count("intermediate") == 1
    assert "and 7 leaf certificates more" in notes(ax)
    assert "and 1 CA certificate that issued none of these" in notes(ax)


def test_lines_of_a_tree_do_not_run_behind_boxes() -> None:
    """Also the line of a leaf that the root issued, past the column of the intermediate."""
    frame = pd.DataFrame([
        *(certificate(f"leaf{n}", "root" if n == 2 else "ca") | {"cert_sha256": f"{n}"} for n in range(20)),
        certificate("ca", "root", key="1"), certificate("root", "root", key="2"),
    ])  # fmt: skip
    ax = plot_certificate_tree(frame)
    boxes = {words.get_position() for words in ax.texts if words.get_gid() in {"leaf", "intermediate", "root"}}
    lines = [line.get_xydata() for line in ax.lines if line.get_gid() == "issued"]
    assert len(boxes) == 22
    assert len(lines) == 21
    for line in lines:
        points = np.concatenate([np.linspace(*ends, 30) for ends in itertools.pairwise(line)])
        for box in boxes - {tuple(line[0]), tuple(line[-1])}:
            assert not (np.abs(points - box) < (0.3, 0.4)).all(axis=1).any()


def test_certificates_that_issue_each_other_end() -> None:
    frame = pd.DataFrame([certificate("a", "b", key="1"), certificate("b", "a", key="2")])
    assert ids(plot_certificate_tree(frame)).count("issued") == 2


def test_hostile_text_is_drawn_as_text_in_png_and_svg() -> None:
    names = HOSTILE.values()
    charts = [
        plot_changes(pd.DataFrame([change(words, "gained") for words in names])),
        plot_issuers(pd.DataFrame([expiring("a", "2026-05-01", issuer=words) for words in names])),
        plot_expiry_weeks(typed(pd.DataFrame([expiring(words, "2026-01-20") for words in names])), now=NOW),
        plot_certificate_tree(pd.DataFrame([certificate(words, words + "x") for words in names])),
    ]
    for ax in charts:
        picture = BytesIO()
        ax.figure.savefig(picture, format="svg")
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture.getvalue()).iter()}
        assert not {"script", "image", "a", "foreignObject"} & tags
        assert describe_chart(ax).isprintable()
        assert chr(27) not in describe_chart(ax)
    plt.close("all")


def test_a_chart_is_printed_at_300_dots_per_inch() -> None:
    ax = plot_issuers(pd.DataFrame([expiring("a", "2026-05-01")]))
    picture = BytesIO()
    ax.figure.savefig(picture, format="png", dpi=300)
    picture.seek(0)
    assert imread(picture).shape[1] == pytest.approx(300 * ax.figure.get_size_inches()[0], abs=2)


def test_empty_frames_say_so_and_other_frames_are_refused() -> None:
    tables = toolkit.Tables.from_frames()
    empty = [
        plot_changes(pd.DataFrame([change("x", "gained")]).iloc[:0]),
        plot_key_exchange(tables.observations),
        plot_issuers(pd.DataFrame([expiring("a", NOW)]).iloc[:0]),
        plot_expiry_weeks(typed(pd.DataFrame([expiring("a", "2026-01-02")]).iloc[:0]), now=NOW),
        plot_certificate_tree(tables.certificates),
    ]
    assert all(ax.get_title(loc="left") and not rows(ax) for ax in empty)
    for plot in (plot_changes, plot_key_exchange, plot_issuers, plot_certificate_tree):
        with pytest.raises(UsageError, match="This chart draws"):
            plot(pd.DataFrame({"x": [1]}))
