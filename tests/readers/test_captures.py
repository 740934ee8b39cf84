"""Packet captures: the handshakes in them, as tshark and their makers know them; and segments that are hostile."""

import csv
import gzip
import itertools
import random
import struct
import warnings
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toolkit
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.segments import MOST_HELD, Direction

PROTOCOLS = {"TLS1.3": "TLS 1.3", "TLS1.2": "TLS 1.2", "TLS1.1": "TLS 1.1", "TLS1.0": "TLS 1.0", "SSL3": "SSL 3.0"}

BETTER = {
    "zeek-ssl-v2.pcap": "tshark sees no ServerHello; there is one of SSL 2.0",
    "zeek-https-to-http.pcap": "an answer in HTML is a row",
    "wireshark-retrans-tls.pcap": "one packet without a hello",
}


@pytest.fixture(scope="module")
def captures(shared: Path) -> Path:
    return shared / "recorded" / "others" / "captures"


def test_every_connection_is_read_as_others_read_it(captures: Path) -> None:
    readings = defaultdict(list)
    with (captures / "READING.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            readings[row["file"]].append(row)
    for name, rows in readings.items():
        if name in BETTER:
            continue
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*left out: .*(?:shows a hello of TLS|of DTLS)", ReadWarning)
            looks = toolkit.read(captures / name).observations.sort_values("observed_at")
        wanted = sorted((row for row in rows if row["server"]), key=lambda row: row["first_tls_packet_at"])
        assert [f"{a}:{p}" for a, p in zip(looks["address"], looks["port"], strict=True)] == [
            row["server"] for row in wanted
        ], name
        assert looks["protocol"].fillna("").tolist() == [PROTOCOLS.get(row["version"], "") for row in wanted], name
        codes = [f"0x{code:04x}" if code >= 0 else "" for code in looks["suite_code"].fillna(-1)]
        assert codes == [row["suite_code"] for row in wanted], name
        assert looks["leaf_sha256"].fillna("").tolist() == [row["leaf_sha256"] for row in wanted], name
        chains = [len(chain) if chain else 0 for chain in looks["chain_sha256"]]
        assert chains == [int(row["server_certificates"]) for row in wanted], name
        assert looks["server_name"].fillna("").tolist() == [_sni(row["sni"]) for row in wanted], name
        # The readings of captures in nanoseconds were rounded, partly in a float of seconds.
        late = abs(
            looks["observed_at"].array - pd.to_datetime([row["first_tls_packet_at"] for row in wanted], utc=True)
        )
        assert (late <= pd.Timedelta("1us")).all(), name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "zeek-dtls1_2.pcap",
            "left out: 14 unencrypted handshake packets of DTLS, which is not TLS over TCP; no TCP connection",
        ),
        ("suricata-imap-plain.pcap", "left out: no TCP connection shows a hello of TLS"),
    ],
)
def test_a_capture_without_a_handshake_says_so(captures: Path, name: str, said: str) -> None:
    with pytest.warns(ReadWarning, match=said):
        assert toolkit.read(captures / name).observations.empty


def _sni(named: str) -> str:
    return "" if named.replace(".", "").isdigit() else named  # an address is not a server name


def test_signatures_and_upgrades_are_checked_in_what_was_captured(captures: Path) -> None:
    looks = toolkit.read(captures / "lab-mail.pcapng").observations
    old = looks[looks["protocol"] == "TLS 1.2"]
    assert old["is_key_proven"].tolist() == [True, True]
    assert old["group"].tolist() == ["x25519", "x25519"]
    assert set(looks["service"].str.partition(":")[0]) == {"smtp", "imap", "pop3", "smtps"}
    assert "X25519MLKEM768" in set(looks["group"])
    refused = looks[looks["outcome"] == "refused"]
    assert set(refused["reason"]) == {"alert protocol_version (70)"}
    assert looks["observed_at"].min() == pd.Timestamp("2026-11-28T04:42:56.705730Z"), "of …730617 ns, by tshark"


def test_the_certificate_of_2014_is_the_recorded_one(shared: Path) -> None:
    tables = toolkit.read(shared / "recorded" / "captures" / "smtp-starttls.pcap")
    recorded = toolkit.read(next((shared / "recorded" / "google_mail" / "certificates").glob("2013-09-09_mx.*")))
    look = tables.observations.iloc[0]
    assert look["leaf_sha256"] == recorded.certificates["cert_sha256"][0]
    assert (look["service"], look["protocol"]) == ("smtp://74.125.142.26:25", "TLS 1.2")
    assert look["is_key_proven"]
    assert look["observed_at"].floor("s") == pd.Timestamp("2014-05-15T15:39:57Z")


def test_ssl_2_and_what_is_not_tls(captures: Path) -> None:
    old = toolkit.read(captures / "zeek-ssl-v2.pcap").observations.iloc[0]
    assert (old["protocol"], old["outcome"]) == ("SSL 2.0", "ok")
    assert pd.notna(old["leaf_sha256"])
    html = toolkit.read(captures / "zeek-https-to-http.pcap").observations
    assert html["outcome"].tolist() == ["not_tls"]
    draft = toolkit.read(captures / "zeek-tls13draft16-chrome55.0.2879.0-canary.pcap").observations
    assert draft["protocol"].isna().all(), "a draft is not TLS 1.3"
    psk = toolkit.read(captures / "zeek-tls13_psk_succesfull.pcap").observations
    assert psk["protocol"].tolist() == ["TLS 1.3"]


def test_clients_and_clear_text_are_not_kept(captures: Path) -> None:
    tables = toolkit.read(captures / "zeek-client-certificate.pcap")
    assert len(tables.certificates) == 3, "those of the server"
    kept = toolkit.read(captures / "lab-mail.pcapng").observations.to_csv()
    assert "EHLO" not in kept


def packets(path: Path) -> list[tuple[bytes, bytes]]:
    """Header and content of each packet of a pcap file in little-endian order."""
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        found.append((data[at : at + 16], data[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def test_the_order_of_segments_and_their_repeats_do_not_matter(shared: Path, tmp_path: Path) -> None:
    whole = shared / "recorded" / "captures" / "smtp-starttls.pcap"
    header, listed = whole.read_bytes()[:24], packets(whole)
    expected = toolkit.read(whole).observations["leaf_sha256"].tolist()
    certificates = slice(16, 22)  # the server's flight
    shuffled = listed[certificates]
    random.Random(5).shuffle(shuffled)
    for made in (
        [packet for one in listed for packet in (one, one)],
        [*listed[: certificates.start], *shuffled, *listed[certificates.stop :]],
    ):
        (tmp_path / "given").write_bytes(header + b"".join(map(b"".join, made)))
        assert toolkit.read(tmp_path / "given").observations["leaf_sha256"].tolist() == expected


def resent(packet: tuple[bytes, bytes], sent: bytes, moved: int = 0) -> bytes:
    """A packet of Ethernet, IPv4 and TCP that sends other bytes, `moved` bytes later in the stream."""
    header, content = packet
    ip = 14 + 4 * (content[14] & 0x0F)
    made = bytearray(content[: ip + (content[ip + 12] >> 4 << 2)] + sent)
    struct.pack_into(">H", made, 16, len(made) - 14)
    struct.pack_into(">I", made, ip + 4, int.from_bytes(content[ip + 4 : ip + 8]) + moved)
    return header[:8] + struct.pack("<II", len(made), len(made)) + made


def sent_by(packet: tuple[bytes, bytes]) -> bytes:
    """What a packet of Ethernet, IPv4 without options and TCP sends."""
    _, content = packet
    return content[34 + (content[46] >> 4 << 2) : 14 + int.from_bytes(content[16:18])]


@pytest.mark.parametrize(
    ("name", "begins", "sizes"),
    [
        ("zeek-tls-1.2-handshake-failure.pcap", (b"\x16\x03",), (1, 2, 3, 5, 6, 20)),
        ("zeek-certificate-with-sct.pcap", (b"\x16\x03",), (1, 3, 5, 7)),
        ("zeek-ssl-v2.pcap", (b"\x80", b"\x83"), (1, 3, 10, 12, 40)),  # the hellos of the client and of the server
    ],
)
def test_a_hello_may_be_cut_anywhere(
    captures: Path, tmp_path: Path, name: str, begins: tuple[bytes, ...], sizes: tuple[int, ...]
) -> None:
    start, listed = (captures / name).read_bytes()[:24], packets(captures / name)
    whole = toolkit.read(captures / name).observations.drop(columns="round")
    for size in sizes:
        made = b""
        for one in listed:
            sent = sent_by(one)
            is_cut = sent.startswith(begins) and len(sent) > size
            made += resent(one, sent[:size]) + resent(one, sent[size:], size) if is_cut else b"".join(one)
        (tmp_path / name).write_bytes(start + made)
        assert_frame_equal(toolkit.read(tmp_path / name).observations.drop(columns="round"), whole)


@pytest.mark.parametrize("before", [b"\x16", b"\x16\x03", b"\x80", b"\x80\x2e\x01"])
def test_bytes_that_only_look_like_a_hello_are_passed_over(captures: Path, tmp_path: Path, before: bytes) -> None:
    name = "zeek-tls-1.2-handshake-failure.pcap"
    start, listed = (captures / name).read_bytes()[:24], packets(captures / name)[3:]
    for first in (b"", resent(listed[0], before, -len(before))):
        (tmp_path / name).write_bytes(start + first + b"".join(map(b"".join, listed)))
        looks = toolkit.read(tmp_path / name).observations
        assert (looks["outcome"].tolist(), looks["reason"].tolist()) == (["refused"], ["alert handshake_failure (40)"])


def test_a_cut_capture_is_read_to_the_cut(captures: Path, shared: Path, tmp_path: Path) -> None:
    for source in (captures / "lab-mail.pcapng", shared / "recorded" / "captures" / "smtp-starttls.pcap"):
        whole = source.read_bytes()
        for cut in range(3, len(whole), len(whole) // 7):
            (tmp_path / "given").write_bytes(whole[:cut])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ReadWarning)
                try:
                    rows = len(toolkit.read(tmp_path / "given").observations)
                except ReadError:
                    rows = 0
            assert rows <= 9
        (tmp_path / "given").write_bytes(whole[: len(whole) // 2])
        with pytest.warns(ReadWarning, match="cut short"):
            looks = toolkit.read(tmp_path / "given").observations
        assert len(looks)
    assert looks["outcome"].tolist() == ["closed"]
    assert looks["reason"].str.contains("the capture ends before the answer was complete").all()


def test_a_compressed_capture_is_read(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "recorded" / "captures" / "smtp-starttls.pcap").read_bytes()
    (tmp_path / "given").write_bytes(gzip.compress(whole))
    assert toolkit.read(tmp_path / "given").observations["protocol"].tolist() == ["TLS 1.2"]


def test_lengths_that_lie_end_what_is_read(tmp_path: Path) -> None:
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    (tmp_path / "given").write_bytes(header + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0))
    with pytest.raises(ReadError, match=r"packet 1 announces 4,294,967,295 bytes"):
        toolkit.read(tmp_path / "given")
    block = struct.pack("<III", 0x0A0D0D0A, 28, 0x1A2B3C4D) + bytes(12) + struct.pack("<I", 28)
    (tmp_path / "given").write_bytes(block + struct.pack("<III", 6, 0xFFFFFFF0, 0) + bytes(40))
    with pytest.raises(ReadError, match=r"a block announces 4,294,967,280 bytes"):
        toolkit.read(tmp_path / "given")


DATA = bytes(range(256)) * 4


@pytest.mark.parametrize("start", [0, 7, 2**32 - 300])
def test_segments_that_overlap_give_each_byte_once(start: int) -> None:
    generator = random.Random(start)
    for _ in range(200):
        cuts = sorted(generator.sample(range(1, len(DATA)), 12))
        segments = [(a, b) for a, b in itertools.pairwise([0, *cuts, len(DATA)])]
        segments += [(a, min(a + 90, len(DATA))) for a in generator.sample(range(len(DATA)), 10)]
        generator.shuffle(segments)
        direction, got = Direction(), b""
        direction.next = start
        for begin, end in segments:
            got += b"".join(direction.take((start + begin) % 2**32, DATA[begin:end]))
        assert got == DATA
        assert not direction.is_waiting


def test_the_first_bytes_count_where_segments_contradict_each_other() -> None:
    direction = Direction()
    direction.next = 100
    assert direction.take(100, b"abc") == [b"abc"]
    assert direction.take(101, b"XXde") == [b"de"]
    assert direction.take(107, b"hi") == []
    assert direction.take(107, b"XX") == []
    assert direction.take(105, b"fg") == [b"fg", b"hi"]


def test_bytes_that_wait_are_bounded() -> None:
    direction = Direction()
    direction.next = 0
    for at in range(10, MOST_HELD + 4000, 1000):
        direction.take(at, bytes(1000))
        if direction.is_full:
            break
    assert direction.is_full
    many = Direction()
    many.next = 0
    for at in range(10, 5000, 2):
        many.take(at, b"x")
        if many.is_full:
            break
    assert at < 3000
