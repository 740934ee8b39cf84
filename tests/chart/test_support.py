"""The matrix of what was accepted, refused, left untested, and not asked at all."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.chart.frames import HOSTILE, at, drawn, typed, words
from toolkit.chart import plot_support
from toolkit.chart.answers import STATES
from toolkit.errors import UsageError

SERVICE = "smtp://mx.example:25"


def answer(protocol: str, cipher: str | None, bits: tuple[int, int] | None, state: str, **facts: object) -> dict:
    """A row of `summarise_support(by="cipher")`."""
    row = {
        "service": SERVICE, "host": "mx.example", "round": "r", "basis": "survey", "observed_at": at("2026-05-01"),
        "observed_from": at("2026-05-01"), "observed_until": at("2026-05-01"),
        "is_latest": True, "protocol": protocol, "cipher": cipher, "key_bits": bits and bits[0],
        "strength_bits": bits and bits[1], "accepted": 2 if state == "accepted" else 0, "state": state,
        "first_choice": None, "source": "lab",
    }  # fmt: skip
    return row | facts


def frame(*rows: dict) -> pd.DataFrame:
    integers = {"key_bits": "Int64", "strength_bits": "Int64", "accepted": "Int64"}
    return typed(pd.DataFrame(list(rows)).astype(integers | {"is_latest": "boolean", "cipher": "string"}))


MATRIX = (
    answer("TLS 1.2", "AES", (128, 128), "accepted", first_choice="TLS_X"),
    answer("TLS 1.0", "AES", (128, 128), "untested"),
    answer("TLS 1.2", "3DES", (168, 112), "refused"),
    answer("TLS 1.2", "AES", (256, 256), "accepted"),
)


def rows(axes: plt.Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_yticklabels()]


def columns(axes: plt.Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_xticklabels()]


def test_versions_by_ciphers_strongest_first_with_both_bits() -> None:
    axes = plot_support(frame(*MATRIX))
    assert rows(axes) == ["AES  256/256", "AES  128/128", "3DES  168/112"]
    assert columns(axes) == ["TLS 1.0", "TLS 1.2"]
    assert len(drawn(axes, "cell-accepted, allowed")) == 2
    assert len(drawn(axes, "cell-refused")) == len(drawn(axes, "cell-untested")) == 1


def test_a_cell_says_its_state_by_fill_frame_and_sign() -> None:
    assert len({style.sign for style in STATES.values()}) == 3
    assert len({(style.fill, style.edge) for style in STATES.values()}) == len(STATES)
    said = words(plot_support(frame(*MATRIX)))
    assert {"✓ 2 ★", "✓ 2", "×", "?"} <= set(said)
    assert "nothing on record" in said


def test_cells_stand_where_row_and_column_meet() -> None:
    axes = plot_support(frame(*MATRIX))
    (refused,) = drawn(axes, "cell-refused")
    assert (int(refused.get_x()), int(refused.get_y())) == (1, 2)


def test_old_rounds_are_not_drawn_and_a_survey_stands_before_handshakes() -> None:
    old = answer("TLS 1.2", "RC4", (128, 128), "accepted", is_latest=False)
    shaken = answer("TLS 1.3", "AES", (256, 256), "accepted", basis="negotiated")
    axes = plot_support(frame(*MATRIX, old, shaken))
    assert columns(axes) == ["TLS 1.0", "TLS 1.2"]
    assert "RC4  128/128" not in rows(axes)


def test_handshakes_are_distinguished_from_a_survey() -> None:
    axes = plot_support(frame(answer("TLS 1.3", "AES", (256, 256), "accepted", basis="negotiated")))
    assert len(drawn(axes, "cell-negotiated, allowed")) == 1
    assert "✓ negotiated, allowed" in words(axes)


def test_what_is_accepted_has_the_colour_of_its_days_rules() -> None:
    def of(day: str, protocol: str, cipher: str, suite: str) -> dict:
        days = {name: at(day) for name in ("observed_at", "observed_from", "observed_until")}
        return answer(protocol, cipher, (128, 128), "accepted", suites=(suite,), **days)

    rc4, aes = "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    for day, protocol, cipher, suite, judgement in (
        ("2015-01-31", "TLS 1.2", "RC4", rc4, "allowed"), ("2015-02-01", "TLS 1.2", "RC4", rc4, "prohibited"),
        ("2015-01-31", "SSL 3.0", "AES", aes, "allowed"), ("2015-06-01", "SSL 3.0", "AES", aes, "prohibited"),
        ("2026-01-01", "TLS 1.2", "3DES", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "discouraged"),
        ("2026-01-01", "TLS 1.2", "AES", aes, "allowed"), ("2010-01-01", "SSL 2.0", "AES", aes, "not judged"),
    ):  # fmt: skip
        axes = plot_support(frame(of(day, protocol, cipher, suite)))
        assert len(drawn(axes, f"cell-accepted, {judgement}")) == 1, (day, protocol, cipher)
        assert "colour: ietf, by the rules of the answer's day" in " ".join(words(axes))
    strict = plot_support(frame(of("2026-01-01", "TLS 1.2", "AES", aes)), policy="mozilla-modern")
    assert len(drawn(strict, "cell-accepted, prohibited")) == 1


def test_an_answer_whose_bounds_hold_a_rules_date_is_not_judged_by_it() -> None:
    bounds = {"observed_at": pd.NaT, "observed_from": at("2015-01-01"), "observed_until": at("2015-03-01")}
    rc4 = answer("TLS 1.2", "RC4", (128, 128), "accepted", suites=("TLS_RSA_WITH_RC4_128_SHA",), **bounds)
    assert len(drawn(plot_support(frame(rc4)), "cell-accepted, not judged")) == 1
    undated = dict.fromkeys(bounds, pd.NaT)
    assert len(drawn(plot_support(frame(rc4 | undated)), "cell-accepted, not judged")) == 1


def test_services_that_accept_what_is_prohibited_come_first_and_many_alike_share_a_row() -> None:
    fine = [MATRIX[0] | {"service": f"smtp://mx{n}.example:25"} for n in range(60)]
    old = answer("SSL 3.0", "AES", (128, 128), "accepted", service="smtp://zz.example:25")
    axes = plot_support(frame(*fine, old))
    assert rows(axes) == ["smtp://zz.example:25", "smtp://mx0.example:25 and 59 more"]


def test_several_services_are_set_side_by_side_with_their_versions() -> None:
    other = [row | {"service": "smtp://other.example:25", "state": "refused", "accepted": 0} for row in MATRIX]
    more = answer("TLS 1.1", "AES", (128, 128), "accepted")
    axes = plot_support(frame(*MATRIX, more, *other))
    assert rows(axes) == [SERVICE, "smtp://other.example:25"]
    assert columns(axes) == ["AES\n256/256", "AES\n128/128"]
    assert "✓ 1.1–1.2" in words(axes)
    assert any("1 more cipher accepted by none" in said for said in words(axes))


def test_a_view_of_one_service_is_not_given_several() -> None:
    with pytest.raises(UsageError, match="one service"):
        plot_support(frame(MATRIX[0], MATRIX[1] | {"service": "smtp://other.example:25"}), view="versions")


def test_a_view_is_given_the_frame_that_it_draws() -> None:
    table = typed(pd.DataFrame([asked("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", 0x2F, "accepted", 1)]))
    with pytest.raises(UsageError, match=r"the table `support`.*no column suite, "):
        plot_support(frame(*MATRIX), view="suites")
    for view in ("versions", "services", "time"):
        with pytest.raises(UsageError, match=r"summarise_support.*is_latest"):
            plot_support(table, view=view)
    with pytest.raises(UsageError, match="summarise_support"):
        plot_support(table[["service", "state"]])
    with pytest.raises(UsageError, match="Known: versions, services, suites, time"):
        plot_support(frame(*MATRIX), view="ciphers")  # type: ignore[arg-type]  # what a user may type


def asked(protocol: str, suite: str, code: int | None, state: str, rank: int | None = None) -> dict:
    return {"service": SERVICE, "round": "r", "observed_at": at("2026-05-01"),
            "observed_from": None, "observed_until": None, "protocol": protocol, "suite": suite,
            "suite_code": code, "state": state, "rank": rank, "is_sound": None}  # fmt: skip


def questions(*listed: dict) -> pd.DataFrame:
    return typed(
        pd.DataFrame(list(listed)).astype(
            {"suite_code": "Int64", "rank": "Int64", "suite": "string", "is_sound": "boolean"}
        )
    )


def test_suites_of_the_table_support_with_rank_and_what_no_version_accepted_counted() -> None:
    table = questions(
        asked("TLS 1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000A, "accepted", 2),
        asked("TLS 1.1", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000A, "refused"),
        asked("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002F, "accepted", 1),
        asked("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", 0x0005, "refused"),
        asked("TLS 1.2", "TLS_OF_MY_OWN", None, "accepted"),
    )
    axes = plot_support(table)
    assert rows(axes) == [
        "TLS_RSA_WITH_AES_128_CBC_SHA  128/128",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA  168/112",
        "TLS_OF_MY_OWN  bits not known",
    ]
    assert {"✓ #1", "✓ #2"} <= set(words(axes))
    assert any("1 more suite accepted in no version" in said for said in words(axes))


def test_of_a_table_of_several_rounds_the_latest_is_drawn() -> None:
    old = asked("TLS 1.0", "TLS_RSA_WITH_RC4_128_SHA", 0x0005, "accepted") | {
        "round": "before",
        "observed_at": at("2020-05-01"),
    }
    axes = plot_support(questions(old, asked("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002F, "accepted")))
    assert columns(axes) == ["TLS 1.2"]


def test_nothing_asked_and_nothing_accepted_are_said() -> None:
    _, given = plt.subplots()
    assert plot_support(frame(*MATRIX).iloc[:0], ax=given) is given
    axes = plot_support(questions(asked("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", 5, "refused")))
    assert "No suite was accepted: 1 refused, 0 untested." in words(axes)
    unknown = asked("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", 5, "untested")
    axes = plot_support(questions(asked("TLS 1.1", "TLS_RSA_WITH_RC4_128_SHA", 5, "refused"), unknown))
    assert "No suite was accepted: 0 refused, 1 untested." in words(axes)
    refused = [row | {"service": f"smtp://mx{n}.example:25", "state": "refused"} for n, row in enumerate(MATRIX[:2])]
    assert "No cipher was accepted: 1 refused, 0 untested." in words(plot_support(frame(*refused)))
    refused[1]["state"] = "untested"
    assert "No cipher was accepted: 0 refused, 1 untested." in words(plot_support(frame(*refused)))


def test_of_many_visits_those_without_a_change_are_left_out() -> None:
    visits = [
        row | {"round": f"r{n}", "observed_at": at("2026-01-01") + pd.Timedelta(days=n),
               "state": "refused" if n >= 20 and row["key_bits"] == 256 else row["state"]}
        for n in range(30) for row in MATRIX
    ]  # fmt: skip
    axes = plot_support(frame(*visits), view="time")
    assert columns(axes) == ["2026-01-01", "2026-01-21"]
    assert "left out: 28 visits that found the same as the one before" in " ".join(words(axes))


def test_groups_by_service_post_quantum_first_and_refused_ones_counted() -> None:
    groups = [("x25519", False, "accepted"), ("X25519MLKEM768", True, "accepted"), ("ffdhe2048", False, "refused")]
    listed = [
        answer(
            "TLS 1.3", None, None, state, group=group, is_post_quantum=is_new, first_choice=group if is_new else None
        )
        for group, is_new, state in groups
    ]
    table = frame(*listed).drop(columns=["cipher", "key_bits", "strength_bits"]).astype({"is_post_quantum": "boolean"})
    axes = plot_support(table)
    assert rows(axes) == ["X25519MLKEM768  post-quantum", "x25519"]
    assert {"✓ ★", "✓"} <= set(words(axes))
    assert any("1 more accepted by none" in said for said in words(axes))


def test_versions_and_signature_schemes_by_service() -> None:
    listed = [answer("TLS 1.0", None, None, "refused"), answer("TLS 1.3", None, None, "accepted", first_choice="TLS_X")]
    versions = frame(*listed).drop(columns=["cipher", "key_bits", "strength_bits"])
    axes = plot_support(versions)
    assert rows(axes) == ["TLS 1.3", "TLS 1.0"]
    assert len(drawn(axes, "cell-refused")) == 1
    schemes = versions.assign(signature_scheme=pd.array(["ed25519", "rsa_pss_rsae_sha256"], dtype="string"))
    assert rows(plot_support(schemes)) == ["rsa_pss_rsae_sha256"]


def test_a_choice_that_the_server_could_not_carry_out_is_marked() -> None:
    table = questions(asked("SSL 3.0", "TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xC011, "accepted", 1))
    axes = plot_support(table.assign(is_sound=pd.array([False], dtype="boolean")))
    assert "✓ #1 !" in words(axes)
    assert "first flight was not sound" in " ".join(words(axes))


def test_surveys_over_time_stand_side_by_side_oldest_first() -> None:
    before = [
        row | {"round": "q", "observed_at": at("2025-05-01"), "is_latest": False, "state": "accepted"} for row in MATRIX
    ]
    axes = plot_support(frame(*MATRIX, *before), view="time")
    assert columns(axes) == ["2025-05-01", "2026-05-01"]
    assert rows(axes) == ["AES  256/256", "AES  128/128", "3DES  168/112"]
    assert "✓ 1.0, 1.2" in words(axes)
    (refused,) = drawn(axes, "cell-refused")
    assert (int(refused.get_x()), int(refused.get_y())) == (1, 2)


@pytest.mark.parametrize(
    ("begins", "ends", "label"),
    [
        ("2025-10-13", "2025-11-26", "2025-10-13\nto 2025-11-26"), ("2025-11-26", "2025-11-26", "2025-11-26"),
        (None, "2025-11-26", "by 2025-11-26"), ("2025-11-26", None, "since 2025-11-26"), (None, None, "undated"),
    ],
)  # fmt: skip
def test_a_survey_known_by_bounds_stands_where_they_end_under_both(
    begins: str | None, ends: str | None, label: str
) -> None:
    bounds = {"observed_at": pd.NaT, "observed_from": at(begins), "observed_until": at(ends)}
    bounded = [row | bounds | {"round": "q", "is_latest": False} for row in MATRIX]
    axes = plot_support(frame(*MATRIX, *bounded), view="time")
    assert columns(axes) == [label, "2026-05-01"]


def test_the_title_says_the_bounds_of_a_survey_without_an_instant() -> None:
    bounds = {"observed_at": pd.NaT, "observed_from": at("2015-10-13"), "observed_until": at("2015-11-26")}
    axes = plot_support(frame(*(row | bounds for row in MATRIX)))
    assert "between 2015-10-13 and 2015-11-26" in " ".join(axes.get_title(loc="left").split())
    older = asked("TLS 1.2", "TLS_A", None, "accepted") | {"observed_at": at("2015-01-01"), "round": "q"}
    newer = asked("TLS 1.2", "TLS_B", None, "accepted") | bounds
    axes = plot_support(questions(older, newer))
    assert "between 2015-10-13 and 2015-11-26" in " ".join(axes.get_title(loc="left").split())
    assert [row.partition(" ")[0] for row in rows(axes)] == ["TLS_B"]


def test_a_hundred_services_keep_their_labels_apart() -> None:
    fleet = [row | {"service": f"smtp://mx{number}.example:25"} for number in range(100) for row in MATRIX]
    axes = plot_support(frame(*fleet))
    axes.figure.draw_without_rendering()
    labels = [tick.label1.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(labels))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_drawn_harmless(name: str) -> None:
    for axes in (
        plot_support(frame(answer("TLS 1.2", name, (128, 128), "accepted", service=name, source=name))),
        plot_support(questions(asked("TLS 1.2", name, None, "accepted") | {"service": name})),
    ):
        axes.figure.draw_without_rendering()
        assert all("$" not in text.replace(r"\$", "") for text in words(axes))
