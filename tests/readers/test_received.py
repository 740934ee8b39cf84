"""Received headers against the reading made without this program, and what of a message must not be kept."""

import csv
from email.utils import parsedate_to_datetime
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from toolkit import schema
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.mail_suites import read_suite
from toolkit.readers.spelling import protocol_of

MESSAGE = (
    "Received: from liar.test (by evil.test [198.51.100.7])\n\tby a.test with ESMTPS id abc123\n\tfor <bob@a.test>\n"
    "\t(version=TLS1 cipher=DES-CBC3-SHA bits=112/168);\n\tThu, 14 Dec 2023 05:56:22 -0800 (PST)\n"
    "From: alice@c.test\nSubject: secret plans\nMessage-ID: <m1@c.test>\n\n"
    "Received: by body.test (using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits));\n"
    "\tThu, 14 Dec 2023 05:56:22 -0800\n"
)


def test_headers_are_read_as_they_were_by_others(shared: Path) -> None:
    folder = shared / "recorded" / "others" / "mail_headers"
    looks = toolkit.read(folder / "received-given.mbox").observations.to_dict("records")
    with (folder / "received-given-reading.csv").open(encoding="utf-8") as file:
        readings = list(csv.DictReader(file))
    assert len(looks) == len(readings) == 66
    for look, reading in zip(looks, readings, strict=True):
        protocol = protocol_of(reading["protocol_text"])
        assert look["observed_at"] == pd.Timestamp(reading["received_at_utc"]), reading["mail"]
        assert look["host"] == reading["received_by"].lower(), reading["mail"]
        assert (None if pd.isna(look["protocol"]) else look["protocol"]) == protocol, reading["mail"]
        if reading["cipher_text"]:
            assert look["suite"] == read_suite(reading["cipher_text"], protocol)[0], reading["mail"]
            assert not pd.isna(look["suite_code"]), reading["mail"]
        if reading["bits_text"]:
            assert look["printed_bits"] == int(reading["bits_text"].split("/")[0]), reading["mail"]


@pytest.mark.parametrize("kind", ["message", "mbox", "maildir"])
def test_only_the_server_that_received_is_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    if kind == "maildir":
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True)
        (path / "cur" / "1:2,S").write_text(MESSAGE)
    else:
        path.write_text(MESSAGE if kind == "message" else f"From alice@c.test Thu Dec 14 05:56:22 2023\n{MESSAGE}")
    tables = toolkit.read(path)
    (look,) = tables.observations.to_dict("records")
    assert (look["host"], look["protocol"], look["suite_code"], look["printed_bits"]) == ("a.test", "TLS 1.0", 10, 112)
    assert look["reason"] == "112/168 bits"
    assert look["observed_at"] == parsedate_to_datetime("Thu, 14 Dec 2023 05:56:22 -0800")
    for table in schema.TABLES:
        kept = getattr(tables, table).to_csv()
        for secret in ("alice", "bob", "@", "secret", "abc123", "liar", "evil", "198.51", "body.test"):
            assert secret not in kept


def test_a_header_without_a_time_is_named_and_a_message_without_tls_refused(tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_text(MESSAGE.replace("Thu, 14 Dec", "Thu, 99 Foo", 1) + "\nFrom x Thu Dec 14 05:56:22 2023\n" + MESSAGE)
    with pytest.warns(ReadWarning, match="line 1: a Received header that does not name"):
        assert len(toolkit.read(path).observations) == 1
    path.write_text("Received: by a.test; Thu, 14 Dec 2023 05:56:22 -0800\n\nx\n")
    with pytest.raises(ReadError, match="no Received header that names TLS"):
        toolkit.read(path)


@pytest.mark.parametrize(
    ("by", "host"),
    [("[192.0.2.1]", "192.0.2.1"), ("[IPv6:2001:db8::1]", "2001:db8::1"), ("a.test.", "a.test"), ("A.test;", "a.test")],
)
def test_a_server_may_be_an_address_literal(tmp_path: Path, by: str, host: str) -> None:
    (tmp_path / "mail").write_text(MESSAGE.replace("by a.test with", f"by {by} with"))
    (look,) = toolkit.read(tmp_path / "mail").observations.to_dict("records")
    assert (look["host"], look["protocol"]) == (host, "TLS 1.0")


@pytest.mark.filterwarnings("ignore::toolkit.errors.ReadWarning")
@pytest.mark.parametrize("by", ["alice@c.test", "alice+x.test", "[alice]", "<a.test>", "[192.0.2.1"])
def test_what_cannot_be_a_server_is_not_kept(tmp_path: Path, by: str) -> None:
    (tmp_path / "mail").write_text(MESSAGE + MESSAGE.replace("by a.test with", f"by {by} with"))
    assert toolkit.read(tmp_path / "mail").observations["host"].tolist() == ["a.test"]
