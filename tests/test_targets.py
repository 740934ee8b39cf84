"""Targets are read strictly, and every refusal says what to write instead."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from toolkit.errors import UsageError
from toolkit.schemes import PORTS, SCHEMES_OF_PORTS, UPGRADES
from toolkit.targets import (
    PRESETS,
    MailDomain,
    Target,
    Targets,
    canonical_host,
    expand_targets,
    parse_target,
)


@pytest.mark.parametrize(
    ("text", "service", "server_name"),
    [
        ("smtp://mx.test:25", "smtp://mx.test:25", "mx.test"),
        ("SMTP://MX.Test.", "smtp://mx.test:25", "mx.test"),
        ("https://www.test", "https://www.test:443", "www.test"),
        ("https://www.test/", "https://www.test:443", "www.test"),
        (" imap.test:993 ", "imaps://imap.test:993", "imap.test"),
        ("tls://a.test:4433", "tls://a.test:4433", "a.test"),
        ("192.0.2.1:25", "smtp://192.0.2.1:25", None),
        ("[2001:DB8::1]:465", "smtps://[2001:db8::1]:465", None),
        ("https://[::1]", "https://[::1]:443", None),
        ("https://bücher.example", "https://xn--bcher-kva.example:443", "xn--bcher-kva.example"),
        ("_dmarc.test:25", "smtp://_dmarc.test:25", "_dmarc.test"),
        ("mx.test.:587", "smtp://mx.test:587", "mx.test"),
        ("https://faß.de", "https://xn--fa-hia.de:443", "xn--fa-hia.de"),
        ("https://[fe80::1%eth0]", "https://[fe80::1%eth0]:443", None),
        ("https://[fe80::1%25Eth0]:444", "https://[fe80::1%Eth0]:444", None),
    ],
)
def test_what_is_a_target(text: str, service: str, server_name: str | None) -> None:
    target = parse_target(text)
    assert (target.service, target.server_name, target.source) == (service, server_name, "live")
    assert str(target) == service
    assert parse_target(service) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mx.test", "name a port or a scheme, such as mx.test:25 or smtp://mx.test"),
        ("mx.test:4433", "port 4433 does not imply a protocol; write smtp://mx.test:4433"),
        ("google-mail", "is a preset; name one of its services: smtp://aspmx.l.google.com:25, "),
        ("gopher://mx.test", "scheme 'gopher' is not known"),
        ("mx.test:0", "'0' is not a port"),
        ("mx.test:65536", "'65536' is not a port"),
        ("mx.test:٢٥", "is not a port"),
        ("mx.test:-1", "is not a port"),
        ("::1", r"written in brackets, \[::1\]:port"),
        ("[::1:25", r"written \[address\]:port"),
        ("[::1]25", r"written \[address\]:port"),
        ("https://a b.test", "is not a host name"),
        ("https://a..test", "is not a host name"),
        ("https://*.test", "is not a host name"),
        ("https://127.1", "ends in a number, and is not an address"),
        ("https://0x7f.1", "ends in a number, and is not an address"),
        ("https://1.2.3.4.5", "ends in a number, and is not an address"),
        ("https://[fe80::1%e/0]", "is not a host name"),
        ("https://a.test/path", "is not a host name"),
        ("https://user@a.test", "has no user name or password"),
        ("https://a.test\n", None),
        ("https://a\x1b.test", "is not a host name"),
        (f"https://{'a' * 64}.test", "is not a host name"),
        (f"https://{'a.' * 127}test", "is not a host name"),
        (f"https://{'ü' * 64}.test", "is not a host name"),
        ("https://", "is not a host name"),
        ("", "write host:port or scheme://host"),
        ("mx:", "is not a target"),
        ("smtp//a", "is not a target"),
        ("a.test:443:443", "more than one colon"),
    ],
)
def test_a_text_that_is_not_a_target_is_refused(text: str, message: str | None) -> None:
    if message is None:  # line ends around a target are dropped
        assert parse_target(text).host == "a.test"
        return
    with pytest.raises(UsageError, match=message):
        parse_target(text)


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        # UTS 46 (non-transitional) and IDNA 2008, as browsers have them
        ("faß.de", "xn--fa-hia.de"),
        ("straße.de", "xn--strae-oqa.de"),
        ("κλαρα-σωλις.ευ", "xn----ylba7abgd9bnh0e.xn--qxa6a"),
        ("σς.test", "xn--3xab.test"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("日本語。ＪＰ", "xn--wgv71a119e.jp"),
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        ("q\u0307\u0323.test", "xn--q-9bb7f.test"),
        ("exa\u00admple.org", "example.org"),
        ("\u212aelvin.test", "kelvin.test"),
        ("i❤.ws", "xn--i-7iq.ws"),
        ("💩.la", "xn--ls8h.la"),
        # what is ASCII, as it is
        ("xn--ls8h.la", "xn--ls8h.la"),
        ("XN--FA-HIA.de", "xn--fa-hia.de"),
        ("xn--zzzzzz99999.test", "xn--zzzzzz99999.test"),
        ("_dmarc.a_b.test", "_dmarc.a_b.test"),
        ("-a.b-.test", "-a.b-.test"),
        ("ab--c.test", "ab--c.test"),
        ("163.12345.test", "163.12345.test"),
        ("x" * 63 + ".test", "x" * 63 + ".test"),
        ("LOCALHOST", "localhost"),
        # addresses
        ("192.0.2.1.", "192.0.2.1"),
        ("１９２.0.2.1", "192.0.2.1"),
        ("2001:0DB8::1", "2001:db8::1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
    ],
)
def test_a_host_is_in_the_form_that_dns_is_asked_for(host: str, asked: str) -> None:
    assert canonical_host(host)[0] == asked
    assert canonical_host(asked)[0] == asked


@pytest.mark.parametrize(
    "host",
    [
        "a\u202eb.test", "a\u200db.test", "\u0301a.test", "℀.com", "é/x.test", "xn--bücher.test", "☃א.test", "1א.test",
        "a..test", ".test", "test..", "...", "", "a\0b.test", "a\nb.test", "a b.test", "ü*.test", "a%41.test", "a\\b",
        "x" * 64 + ".test", "ü" * 64 + ".test", "a." * 127 + "test", "x" * 1_000_000, "ü" * 1_000_000,
        "fe80::1%\x1b[31m", "fe80::1%", "192.0.2.256",
    ],
)  # fmt: skip
def test_a_hostile_name_is_refused_in_few_words(host: str) -> None:
    with pytest.raises(UsageError, match="is not a host name") as refused:
        canonical_host(host)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


def test_a_target_may_be_dialled_elsewhere() -> None:
    target = parse_target("smtp://mx.test:25", connect_to="127.0.0.1:2525")
    assert (target.service, target.connect_to) == ("smtp://mx.test:25", ("127.0.0.1", 2525))
    with pytest.raises(UsageError, match="write host:port"):
        parse_target("smtp://mx.test:25", connect_to="127.0.0.1")


def test_presets_are_written_out_and_repeats_dropped_in_order() -> None:
    expanded = expand_targets(["google-mail", "smtp://smtp.gmail.com:587", "https://a.test"])
    assert [target.service for target in expanded] == [*PRESETS["google-mail"], "https://a.test:443"]


def test_one_target_needs_no_list() -> None:
    target = Target("https", "a.test", 443)
    assert expand_targets(target) == expand_targets([target]) == [target]
    assert [found.service for found in expand_targets("https://a.test")] == ["https://a.test:443"]


def test_a_mail_domain_stays_one() -> None:
    assert expand_targets("mx:Example.org.") == [MailDomain("example.org")]
    with pytest.raises(UsageError, match="an address has no MX"):
        expand_targets("mx:192.0.2.1")
    with pytest.raises(UsageError, match="is not a host name"):
        expand_targets("mx:")


@pytest.mark.parametrize("targets", [[], ()])
def test_no_target_is_an_error(targets: list[str]) -> None:
    with pytest.raises(UsageError, match="No target given"):
        expand_targets(targets)


def test_what_is_neither_text_nor_target_is_an_error() -> None:
    with pytest.raises(UsageError, match="or preset, not int"):
        expand_targets([5])  # type: ignore[list-item]  # that is the point


def test_schemes_have_ports_and_ports_have_schemes() -> None:
    assert set(PORTS) >= UPGRADES
    assert set(SCHEMES_OF_PORTS.values()) <= set(PORTS)
    for services in PRESETS.values():
        assert all(parse_target(service).service == service for service in services)


def test_a_target_shows_its_service_and_what_is_unusual() -> None:
    assert repr(parse_target("https://mx.example.org")) == "Target('https://mx.example.org:443')"
    dialled = parse_target("smtp://mx.lab.test:25", connect_to="127.0.0.1:2525")
    assert repr(dialled) == "Target('smtp://mx.lab.test:25', connect_to=('127.0.0.1', 2525), source='lab')"
    assert repr(Target("https", "192.0.2.1", 443, "a.test")) == "Target('https://192.0.2.1:443', server_name='a.test')"
    hostile = Target("smtp", chr(27) + "[2J<script>" + "x" * 9999, 25)
    assert chr(27) not in repr(hostile)
    assert len(repr(hostile)) < 400
    assert "<script>" not in hostile._repr_html_()


SERVICES = ["smtp://a.test:25", "https://b.test:443"]


@pytest.mark.parametrize(
    "targets",
    [
        SERVICES,
        tuple(SERVICES),
        (service for service in SERVICES),
        io.StringIO("smtp://a.test\nb.test:443\n"),
        pd.Series(SERVICES, index=[7, 7]),
        pd.Series(SERVICES, dtype="string"),
        pd.DataFrame({"target": SERVICES, "host": ["c.test", "d.test"]}),
        pd.DataFrame({"host": ["a.test", "b.test"], "port": [25, 443], "owner": ["x", "y"]}),
        pd.DataFrame({"host": ["a.test", "b.test"], "scheme": ["smtp", "https"]}),
        pd.DataFrame({"host": ["a.test", "b.test"], "scheme": ["smtp", None], "port": [None, 443]}),
        pd.DataFrame(
            {"host": ["a.test", "b.test"], "scheme": ["smtp", "https"], "port": ["25", "443"]}, dtype="string"
        ),
        pd.DataFrame({"service": ["smtp://a.test:25", "b.test:443"], "host": ["c.test", "d.test"]}),
    ],
    ids=lambda targets: type(targets).__name__,
)
def test_any_iterable_and_a_frame_name_the_same_targets(targets: Targets) -> None:
    assert [target.service for target in expand_targets(targets)] == SERVICES


def test_an_iterable_is_read_once_and_no_further_than_its_first_error() -> None:
    read = []

    def listed() -> Iterator[str]:
        for target in ("https://a.test", "htps://b.test", "https://c.test"):
            read.append(target)
            yield target

    with pytest.raises(UsageError, match=r"^target 2: 'htps://b\.test': .* Did you mean 'https'\?"):
        expand_targets(listed())
    assert read == ["https://a.test", "htps://b.test"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (pd.Series(["https://a.test", None], index=["x", "y"]), "^row y: A target is .*, not None"),
        (pd.DataFrame({"host": ["a.test", "b.test"], "port": [25, None]}), r"^row 1: 'b\.test': name a port"),
        (pd.DataFrame({"host": ["a.test"], "port": [2.5]}), r"^row 0: .*'2\.5' is not a port"),
        (pd.DataFrame({"host": [None], "port": [25]}), "^row 0: A target is .*, not None"),
        (pd.DataFrame({"hst": ["a.test"], "port": [25]}), r"needs a column `target`, .* It has: hst, port\.$"),
        (pd.DataFrame({"service": ["smtp://a.test:25", "imaps"]}), "^row 1: 'imaps' is a scheme: write it with a host"),
        (pd.DataFrame({"service": ["a.test"]}), r"^row 0: 'a\.test': name a port or a scheme, such as a\.test:25"),
        (pd.DataFrame({"host": [], "port": []}), "^No target given"),
        ({"a.test": 25}, "or preset, not dict"),
        (b"https://a.test", "or preset, not bytes"),
        ("goggle-mail", "Did you mean 'google-mail'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_said_with_its_label(targets: Targets, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        expand_targets(targets)


@pytest.mark.parametrize("text", ["-h:25", "smtp://-h", "mx:-h.test", "-a.test:25"])
def test_a_host_that_begins_with_a_hyphen_is_a_mistyped_option(text: str) -> None:
    with pytest.raises(UsageError, match="host names do not begin with a hyphen; options do"):
        expand_targets(text)
    with pytest.raises(UsageError, match="do not begin with a hyphen"):
        parse_target("a.test:25", connect_to="-h:25")


def test_one_service_by_two_ways_is_refused() -> None:
    direct = parse_target("smtp://mx.test:25", connect_to="127.0.0.1:25")
    relayed = replace(direct, connect_to=("127.0.0.1", 2525))
    with pytest.raises(UsageError, match=r"are one service by two ways.*in a call of its own"):
        expand_targets([direct, relayed])
    unnamed = replace(relayed, server_name=None)
    assert expand_targets([direct, direct, unnamed]) == [direct, unnamed], "another name is another question"
    elsewhere = replace(direct, connect_to=("127.0.0.2", 2525))
    assert expand_targets([direct, elsewhere]) == [direct, elsewhere], "rows say the address"
