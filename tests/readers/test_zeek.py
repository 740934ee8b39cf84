"""Zeek's logs of connections and certificates, as Zeek wrote them and as they may come."""

import gzip
import json
import warnings
from ipaddress import ip_address
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from toolkit import schema
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.scans import make_server

CLIENT, SERVER = "198.51.100.77", "192.0.2.1"
LEAF, ABOVE, PERSON = "a" * 64, "b" * 64, "c" * 64

CONNECTION = {
    "ts": 1784818803.5, "uid": "C1", "id.orig_h": CLIENT, "id.orig_p": 42750, "id.resp_h": SERVER, "id.resp_p": 443,
    "version": "TLSv13", "cipher": "TLS_AES_128_GCM_SHA256", "curve": "x25519", "server_name": "www.a.test",
    "established": True, "cert_chain_fps": [LEAF, ABOVE], "client_cert_chain_fps": [PERSON],
    "client_subject": "CN=Some Body",
}  # fmt: skip
CERTIFICATE = {
    "ts": 1784818803.6, "fingerprint": LEAF, "certificate.version": 3, "certificate.serial": "0A01",
    "certificate.subject": "CN=www.a.test", "certificate.issuer": "CN=CA", "certificate.not_valid_before": 1780000000,
    "certificate.not_valid_after": 1790000000, "certificate.key_type": "ecdsa", "certificate.key_length": 256,
    "certificate.curve": "prime256v1", "san.dns": ["www.a.test"], "basic_constraints.ca": False, "host_cert": True,
    "client_cert": False,
}  # fmt: skip
HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n"
    "#fields\tts\tid.resp_h\tid.resp_p\tversion\tserver_name\testablished\tlast_alert\tcert_chain_fps\n"
    "#types\ttime\taddr\tport\tstring\tstring\tbool\tstring\tvector[string]\n"
)


def test_an_address_is_one_that_the_library_reads() -> None:
    for said in (
        "192.0.2.1", "255.255.255.255", "256.0.2.1", "01.0.2.1", "192.0.2", "192.0.2.1.1", "192.0.2.1\n", "1.2.3.٤",
        "[2001:DB8::1]", "",
    ):  # fmt: skip
        try:
            wanted = str(ip_address(said.strip("[]")))
        except ValueError:
            wanted = None
        server = make_server("a.test", 443, address=said)
        assert server is not None
        assert server.address == wanted


def json_lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def tsv(path: Path, *lines: str) -> Path:
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def zeek(shared: Path) -> Path:
    return shared / "recorded" / "others" / "zeek"


def test_nested_objects_are_read_like_dotted_names(tmp_path: Path) -> None:
    def nested(record: dict[str, object]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in record.items():
            outer, dot, inner = name.partition(".")
            if dot:
                found.setdefault(outer, {})[inner] = value  # type: ignore[index]  # a dict, made here
            else:
                found[name] = value
        return found

    for folder, change in (("flat", dict), ("nested", nested)):
        (tmp_path / folder).mkdir()
        json_lines(tmp_path / folder / "ssl.log", change(CONNECTION))
        json_lines(
            tmp_path / folder / "x509.log",
            change(CERTIFICATE | {"certificate.sig_alg": "a", "certificate.key_alg": "b"}),
        )
    flat, other = toolkit.read(tmp_path / "flat"), toolkit.read(tmp_path / "nested")
    pd.testing.assert_frame_equal(flat.certificates, other.certificates)
    pd.testing.assert_frame_equal(flat.observations.drop(columns="round"), other.observations.drop(columns="round"))
    assert len(flat.observations) == 1


@pytest.mark.parametrize(("between", "escaped"), [("|", "\\x7c"), (";;", "\\x3b\\x3b"), (" ", "\\x20")])
def test_the_header_declares_how_cells_are_separated_and_what_is_absent(
    tmp_path: Path, between: str, escaped: str
) -> None:
    header = HEADER.replace("\t", between).replace("\\x09", escaped)
    header = header.replace(f"#set_separator{between},", f"#set_separator{between}+")
    header = header.replace(f"#unset_field{between}-", f"#unset_field{between}NULL").replace("(empty)", "none")
    line = between.join(["1784818803.5", SERVER, "443", "TLSv12", "NULL", "T", "-", f"{LEAF}+{ABOVE}"])
    other = between.join(["1784818804.5", SERVER, "443", "TLSv12", f"a{escaped}b", "F", "NULL", "none"])
    (tmp_path / "ssl.log").write_text(f"{header}{line}\n{other}\n")
    looks = toolkit.read(tmp_path / "ssl.log").observations
    assert looks["host"].tolist() == [SERVER, SERVER]
    assert looks["server_name"].fillna("").tolist() == ["", f"a{between}b"]
    assert looks["reason"].fillna("").tolist() == ["last alert: -", ""]
    assert looks["chain_sha256"].dropna().tolist() == [(LEAF, ABOVE)]


def test_the_logs_of_a_folder_are_joined_by_file(zeek: Path) -> None:
    tables = toolkit.read(zeek / "v2.6-smtp-starttls")
    (look,) = tables.observations.to_dict("records")
    assert (look["service"], look["protocol"], look["suite_code"], look["group"], look["stage"]) == (
        "smtp://74.125.142.26:25", "TLS 1.2", 0xC02F, "secp256r1", "finished",
    )  # fmt: skip
    assert look["observed_at"] == pd.Timestamp("2014-05-15T15:39:57.019290Z")
    assert len(look["chain_sha256"]) == 3
    leaf = tables.certificates.set_index("cert_sha256").loc[look["leaf_sha256"]]
    assert (leaf["subject"], leaf["serial"], leaf["key_type"], leaf["key_bits"]) == (
        "CN=mx.google.com,O=Google Inc,L=Mountain View,ST=California,C=US", "325d8297987d50b0", "RSA", 2048,
    )  # fmt: skip
    assert leaf["not_after"] == pd.Timestamp(1410262355, unit="s", tz="UTC")
    assert len(leaf["names"]) == 20
    assert set(tables.observations["tool"]) == {"Zeek"}
    for table in schema.TABLES:
        schema.check(table, getattr(tables, table))


def test_files_are_the_certificates_in_them_whichever_connection_they_are_of(tmp_path: Path) -> None:
    """Each connection has files of its own: what its line shows is that of other lines with the same certificates."""
    names = (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version established cert_chain_fuids client_cert_chain_fuids"
    )
    kinds = "time string addr port addr port string bool vector[string] vector[string]"
    rows = [
        {
            "ts": f"178481880{number}.500000", "uid": f"C{number}", "id.orig_h": CLIENT, "id.orig_p": 4000 + number,
            "id.resp_h": SERVER, "id.resp_p": 443, "version": "TLSv12", "established": True,
            "cert_chain_fuids": [[f"Fa{number}", f"Fb{number}"], [f"Fa{number}"], [f"Fx{number}"], []][number % 4],
            "client_cert_chain_fuids": [f"Fc{number}"] if number == 5 else [],
        }
        for number in range(8)
    ]  # fmt: skip
    held = [CERTIFICATE | {"id": f"F{kind}{number}", "certificate.serial": serial, "fingerprint": None}
            for number in range(8) for kind, serial in (("a", "0A"), ("b", "0B"), ("c", "0C"))]  # fmt: skip
    cells = [[",".join(one) or "(empty)" if isinstance(one, list) else "T" if one is True else str(one)
              for one in row.values()] for row in rows]  # fmt: skip
    logs = {
        "tsv": ["#separator \\x09", "#path\tssl", "\t".join(["#fields", *names.split()]),
                "\t".join(["#types", *kinds.split()]), *map("\t".join, cells)],
        "json": [json.dumps(row, separators=(",", ":")).replace(f'"{row["ts"]}"', str(row["ts"])) for row in rows],
        "slow": [json.dumps({"uid": "C"} | row | {"ts": float(str(row["ts"]))}) for row in rows],
    }  # fmt: skip
    frames = {}
    for name, lines in logs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "ssl.log").write_text("\n".join(lines))
        json_lines(tmp_path / name / "x509.log", *held)
        tables = toolkit.read(tmp_path / name)
        assert sorted(tables.certificates["serial"]) == ["a", "b"], name
        frames[name] = tables.observations.drop(columns=["round"])
    looks = frames["slow"]
    assert looks["chain_sha256"].map(len, na_action="ignore").fillna(0).tolist() == [2, 1, 0, 0] * 2
    assert looks["leaf_sha256"].nunique() == 1
    for name in ("tsv", "json"):
        pd.testing.assert_frame_equal(frames[name], looks)


def test_a_log_without_the_certificates_prints_what_it_says(zeek: Path) -> None:
    (look,) = toolkit.read(zeek / "v2.2-ssl.log").observations.to_dict("records")
    assert pd.isna(look["leaf_sha256"])
    assert look["printed_subject"].startswith("CN=*.gstatic.com,")
    assert look["printed_not_after"] == pd.Timestamp(1365639277, unit="s", tz="UTC")
    tables = toolkit.read(zeek / "new-json-one-line-ssl.log")
    (look,) = tables.observations.to_dict("records")
    assert look["service"] == "https://api.amazonalexa.com:443"
    assert look["leaf_sha256"].startswith("98f358cd")
    assert set(tables.certificates["cert_sha256"]) == set(look["chain_sha256"])
    assert tables.certificates["not_after"].isna().all()


@pytest.mark.parametrize("name", ["", "ssl.log", "x509.log"])
def test_a_log_without_instants_is_set_aside(name: str, zeek: Path) -> None:
    with pytest.raises(ReadError, match=r"line 10: it has no instant"):
        toolkit.read(zeek / "head-smtp-starttls" / name)


def test_days_of_rotated_logs_are_read_together_by_fingerprint(tmp_path: Path) -> None:
    day = tmp_path / "2026-07-23"
    day.mkdir()
    person = CERTIFICATE | {"fingerprint": PERSON, "certificate.subject": "CN=Some Body", "client_cert": True}
    other = person | {"host_cert": False}
    (day / "x509.00:00:00-01:00:00.log.gz").write_bytes(
        gzip.compress("\n".join(map(json.dumps, (CERTIFICATE, person, other))).encode())
    )
    for hour, name in enumerate(("ssl.00:00:00-01:00:00.log.gz", "sensor-ssl.01:00:00-02:00:00.log.gz")):
        line = json.dumps(CONNECTION | {"ts": 1784818803.5 + 3600 * hour})
        (day / name).write_bytes(gzip.compress(line.encode()))
    (day / "conn.log").write_text(json.dumps({"ts": 1, "id.orig_h": CLIENT}))
    with pytest.warns(
        ReadWarning, match=r"kept: 2026-07-23/conn\.log \(a Zeek log in JSON other than ssl\.log and x509\.log\)\.$"
    ):
        tables = toolkit.read(tmp_path)
    assert tables.observations["leaf_sha256"].tolist() == [LEAF, LEAF]
    sources = ["sensor-ssl.01:00:00-02:00:00.log.gz", "ssl.00:00:00-01:00:00.log.gz"]
    assert sorted(tables.observations["source"]) == sources
    assert set(tables.certificates["cert_sha256"]) == {LEAF, ABOVE}
    assert tables.certificates.set_index("cert_sha256").loc[LEAF, "key_curve"] == "secp256r1"


def test_clients_never_enter_the_tables(tmp_path: Path) -> None:
    tables = toolkit.read(json_lines(tmp_path / "ssl.log", CONNECTION))
    for table in schema.TABLES:
        kept = getattr(tables, table).to_csv()
        for secret in (CLIENT, "42750", "Some Body", PERSON, "C1,"):
            assert secret not in kept


def test_a_connection_without_an_answer_is_a_row(tmp_path: Path) -> None:
    at = f"1784818803.5\t{SERVER}\t443"
    looks = toolkit.read(
        tsv(
            tmp_path / "ssl.log",
            f"{at}\t-\ta.test\tF\thandshake_failure\t-",
            f"{at}\t-\ta.test\tF\t-\t-",
            f"{at}\tunknown-64282\ta.test\tF\t-\t(empty)",
            f"{at}\tTLSv12\tevil/x y:1@b\tF\tbad_certificate\t{LEAF}",
        )
    ).observations
    assert looks["outcome"].tolist() == ["refused", "closed", "ok", "ok"]
    assert looks["reason"].tolist()[0] == "last alert: handshake_failure; Zeek saw no hello of the server"
    assert (looks["protocol"].isna().tolist(), looks["reason"][2]) == ([True] * 3 + [False], "version: unknown-64282")
    assert looks["stage"].tolist()[2:] == ["hello", "certificate"]
    assert looks["host"].tolist() == ["a.test"] * 3 + [SERVER], "a name that cannot be one is not the host"


def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    good = f"1784818803.5\t{SERVER}\t443\tTLSv12\ta.test\tT\t-\t{LEAF}"
    bad = [good.replace(SERVER, "-"), good.replace("\t443", "\t70000"), "x\ty", good.replace("1784818803.5", "1e400")]
    path = tsv(tmp_path / "ssl.log", good, *bad, good.replace("TLSv12", "DTLSv12"), *["x"] * 50)
    with pytest.warns(ReadWarning, match=r"line 9: .*; line 10: .*; line 11: its cells .*; and 50 more") as caught:
        tables = toolkit.read(path)
    assert len(caught) == 1
    assert len(tables.observations) == 1


def test_every_connection_is_a_row(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "ssl.log", *(CONNECTION | {"ts": 1784818803.5 + n // 2} for n in range(10)))
    looks = toolkit.read(path).observations
    assert looks["observed_at"].nunique() == 5
    assert sorted(looks["sample"]) == list(range(10))


def test_lines_of_other_logs_are_counted_and_left_out(tmp_path: Path) -> None:
    at = f"1784818803.5\t{SERVER}\t443"
    path = tsv(tmp_path / "ssl.log", f"{at}\tTLSv12\ta.test\tT\t-\t-", "#separator \\x09", "#path\tconn")
    columns = "#fields\tts\tid.resp_h\tid.resp_p\tproto\n#types\ttime\taddr\tport\tenum\n"
    with path.open("a") as log:
        log.write(f"{columns}{at}\ttcp\n-\t{SERVER}\t53\tudp\n{HEADER}{at}\tTLSv12\tb.test\tT\t-\t-\n")
    with pytest.warns(ReadWarning, match=r"left out: 2 lines of other logs than ssl.log and x509.log\."):
        assert toolkit.read(path).observations["host"].tolist() == ["a.test", "b.test"]


@pytest.mark.parametrize(("path", "count"), [("ssl", 1), ("ssl_red", 1), ("sensor-ssl", 1), ("http", 0), ("sslvpn", 0)])
def test_json_names_the_log_of_a_line(path: str, count: int, tmp_path: Path) -> None:
    other = {"_path": path, "ts": 1784818804.5, "id.resp_h": "192.0.2.80", "id.resp_p": 80, "version": "1.1"}
    file = json_lines(tmp_path / "ssl.log", CONNECTION, other)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(toolkit.read(file).observations) == 1 + count
    assert ["1 line of other logs" in str(one.message) for one in caught] == [True] * (1 - count)


def test_a_line_of_json_without_the_name_of_its_log_is_known_by_its_keys(tmp_path: Path) -> None:
    conn = {name: CONNECTION[name] for name in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")}
    file = json_lines(tmp_path / "ssl.log", CONNECTION, conn | {"proto": "tcp"})
    with pytest.warns(ReadWarning, match=r"line 2: it describes neither a connection of TLS nor a certificate"):
        assert len(toolkit.read(file).observations) == 1


def test_escapes_and_repeated_headers(tmp_path: Path) -> None:
    line = f"1784818803.5\t{SERVER}\t443\tTLSv12\tb\\xc3\\xbccher.test\tT\t-\t{LEAF}"
    tables = toolkit.read(tsv(tmp_path / "ssl.log", line, *HEADER.splitlines(), line, "#close\tx"))
    assert tables.observations["server_name"].tolist() == ["bücher.test"] * 2


def test_a_log_cut_short_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ssl.log.gz"
    lines = "".join(json.dumps(CONNECTION | {"ts": 1784818803.5 + n, "uid": f"C{n * 7919}"}) + "\n" for n in range(500))
    whole = gzip.compress(lines.encode())
    path.write_bytes(whole[: len(whole) // 2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = toolkit.read(path)
    assert caught
    assert 0 < len(tables.observations) < 500


def test_instants_may_be_in_milliseconds(tmp_path: Path) -> None:
    looks = toolkit.read(json_lines(tmp_path / "ssl.log", CONNECTION | {"ts": 1784818803500})).observations
    assert looks["observed_at"].tolist() == [pd.Timestamp(1784818803.5, unit="s", tz="UTC")]
