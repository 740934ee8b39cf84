"""Rates of the readers: Zeek rows, JSON lines, lines of mail logs, captures; next to other tools on the same files.

Run: python -m tests.benchmarks.bench_readers [ROWS]
"""

import importlib.util
import itertools
import json
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd

import toolkit
from tests.wire.recorded import read_conversation

SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
CURVES = ("x25519", "secp256r1", "X25519MLKEM768")
SERVICES = 2_000
"""Servers of a file in which they repeat, as in a log of traffic; in a scan, each line shows another one."""
FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "cipher", "curve", "server_name",
    "resumed", "last_alert", "next_protocol", "established", "ssl_history", "cert_chain_fps", "client_cert_chain_fps",
    "sni_matches_cert",
)  # fmt: skip
TYPES = (
    "time", "string", "addr", "port", "addr", "port", "string", "string", "string", "string", "bool", "string",
    "string", "bool", "string", "vector[string]", "vector[string]", "bool",
)  # fmt: skip


def zeek(rows: int, services: int = SERVICES) -> Iterator[str]:
    """Lines of an ssl.log as Zeek 6 writes it; with as many services as rows, each line shows another one."""
    chance = random.Random(1)
    yield "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n"
    yield "#fields\t" + "\t".join(FIELDS) + "\n"
    yield "#types\t" + "\t".join(TYPES) + "\n"
    for number in range(rows):
        service = number if services == rows else chance.randrange(services)
        leaf = f"{service:064x}"
        yield (
            f"{1_784_818_803 + number / 50:.6f}\tC{number:017d}\t198.51.100.{number % 250}\t{1024 + number % 60000}\t"
            f"192.0.2.{service % 250}\t443\tTLSv13\t{SUITES[service % 3]}\t{CURVES[service % 3]}\twww{service}.test\t"
            f"F\t-\th2\tT\tCsiI\t{leaf},{'c' * 64}\t(empty)\tT\n"
        )


def zeek_json(rows: int) -> Iterator[str]:
    """The same in JSON as Zeek before 4.1 writes it: each connection names certificates by files of its own."""
    chance = random.Random(1)
    for number in range(rows):
        service = chance.randrange(SERVICES)
        record = {
            "ts": 1_784_818_803.5 + number / 50, "uid": f"C{number:017d}", "id.orig_h": f"198.51.100.{number % 250}",
            "id.orig_p": 1024 + number % 60000, "id.resp_h": f"192.0.2.{service % 250}", "id.resp_p": 443,
            "version": "TLSv12", "cipher": SUITES[2], "curve": CURVES[service % 3],
            "server_name": f"www{service}.test", "resumed": False, "established": True,
            "cert_chain_fuids": [f"F{number:017d}", f"Fca{number:015d}"], "client_cert_chain_fuids": [],
            "subject": f"CN=www{service}.test", "issuer": "CN=R3,O=Let's Encrypt,C=US", "validation_status": "ok",
        }  # fmt: skip
        yield json.dumps(record, separators=(",", ":")) + "\n"


def tlsx(rows: int, services: int = SERVICES) -> Iterator[str]:
    """JSON lines of tlsx; services as in `zeek`."""
    chance = random.Random(1)
    for number in range(rows):
        service = number if services == rows else chance.randrange(services)
        at = pd.Timestamp(1_784_818_803 + number // 50, unit="s", tz="UTC").isoformat()
        yield json.dumps(
            {
                "timestamp": at, "host": f"www{service}.test", "ip": f"192.0.2.{service % 250}", "port": "443",
                "probe_status": True, "tls_version": "tls13", "cipher": SUITES[service % 3],
                "not_before": "2026-06-01T00:00:00Z", "not_after": "2026-08-30T00:00:00Z",
                "subject_dn": f"CN=www{service}.test", "subject_cn": f"www{service}.test",
                "subject_an": [f"www{service}.test", f"alt{service}.test"], "serial": f"0A:{service % 256:02X}",
                "issuer_dn": "CN=R3, O=Let's Encrypt, C=US", "issuer_cn": "R3", "issuer_org": ["Let's Encrypt"],
                "fingerprint_hash": {"md5": "0" * 32, "sha1": "0" * 40, "sha256": f"{service:064x}"},
                "wildcard_certificate": False, "tls_connection": "ctls", "sni": f"www{service}.test",
            }
        ) + "\n"  # fmt: skip


def mail_log(rows: int) -> Iterator[str]:
    """Lines of Postfix, of which one in four is about TLS."""
    chance = random.Random(1)
    for number in range(rows):
        day, minute, second = 1 + number * 27 // rows, number // 60 % 60, number % 60
        stamp = f"2026-11-{day:02d}T10:{minute:02d}:{second:02d}.{number % 1_000_000:06d}+00:00 mx "
        service = chance.randrange(SERVICES)
        host = f"mx{service}.test"
        if number % 4:
            yield f"{stamp}postfix/smtp[{number % 30000}]: {number:010X}: to=<x@{host}>, status=sent (250 OK)\n"
        else:
            yield (
                f"{stamp}postfix/smtp[{number % 30000}]: Trusted TLS connection established to {host}"
                f"[192.0.2.{service % 250}]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) "
                "key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256\n"
            )


def exim_log(rows: int) -> Iterator[str]:
    """Lines of Exim's own log, of which one in four is a delivery with TLS."""
    chance = random.Random(1)
    for number in range(rows):
        at = f"2026-11-{1 + number * 27 // rows:02d} 10:{number // 60 % 60:02d}:{number % 60:02d}"
        stamp = f"{at} 1x{number % 9973:04d}-00{number % 971:04d}-Q8 "
        service = chance.randrange(SERVICES)
        if number % 4:
            yield f"{stamp}Completed\n"
        else:
            yield (
                f"{stamp}=> user{number}@mx{service}.test R=dnslookup T=remote_smtp H=mx{service}.test "
                f"[192.0.2.{service % 250}] X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=yes\n"
            )


def dovecot_log(rows: int) -> Iterator[str]:
    """Lines of Dovecot, of which one in four is a log-in with TLS."""
    for number in range(rows):
        day, minute, second = 1 + number * 27 // rows, number // 60 % 60, number % 60
        stamp = f"2026-11-{day:02d}T10:{minute:02d}:{second:02d}.{number % 1_000_000:06d}+00:00 mx dovecot: "
        if number % 4:
            yield f"{stamp}imap(user{number})<{number}><a{number}>: Disconnected: Logged out in=1 out=2\n"
        else:
            yield (
                f"{stamp}imap-login: Login: user=<user{number}>, method=PLAIN, rip=198.51.100.{number % 250}, "
                f"lip=192.0.2.2, mpid={number}, TLS, session=<a{number}>, TLSv1.3 with cipher "
                "TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
            )


def capture(path: Path, flight: list[tuple[bool, bytes]], megabytes: int) -> None:
    """A capture of connections that repeat a real handshake, each followed by 60 packets of data."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    data = b"\x17\x03\x03\x05\x00" + bytes(1280)
    with path.open("wb") as file:
        file.write(header)
        for connection in itertools.count():
            client = struct.pack(">I", 0xC6336400 + connection % 250)
            server = struct.pack(">I", 0xC0000200 + connection % 200)
            port = 1024 + connection % 60000
            sequence = {True: 1, False: 1}
            for is_client, payload in [(True, b""), *flight, *[(False, data)] * 60]:
                addresses = client + server if is_client else server + client
                ports = struct.pack(">HH", *((port, 25) if is_client else (25, port)))
                first = is_client and not payload
                at = 0 if first else sequence[is_client]
                tcp = ports + struct.pack(">IIBBHHH", at, 0, 0x50, 2 if first else 16, 65535, 0, 0)
                sequence[is_client] += len(payload)
                ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + addresses
                size = 40 + len(payload)
                file.write(struct.pack("<IIII", 1_784_818_803 + connection, 0, size, size) + ip + tcp + payload)
            if file.tell() > megabytes << 20:
                return


def measure(words: str, count: float, unit: str, read: Callable[[], object]) -> None:
    """Print the best rate of two runs, per second of CPU time."""
    best = min(_seconds(read) for _ in range(2))
    print(f"{words:42} {count / best:>12,.0f} {unit}/s")


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it started, so that a busy machine does not count."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _seconds(read: Callable[[], object]) -> float:
    began = _cpu_seconds()
    read()
    return _cpu_seconds() - began


def main() -> None:
    """Write the files, read each with ours and with others, and print the rates."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            "ssl.log": zeek(rows), "new.log": zeek(rows, rows), "json.log": zeek_json(rows // 2),
            "tlsx.jsonl": tlsx(rows // 4),
            "new.jsonl": tlsx(rows // 4, rows // 4), "mail.log": mail_log(2 * rows),
            "exim.log": exim_log(2 * rows), "dovecot.log": dovecot_log(2 * rows),
        }  # fmt: skip
        for file, lines in files.items():
            with (folder / file).open("w") as opened:
                opened.writelines(lines)
        measure("Zeek ssl.log, TSV", rows, "rows", lambda: toolkit.read(folder / "ssl.log"))
        measure("  another server in each row", rows, "rows", lambda: toolkit.read(folder / "new.log"))
        measure("Zeek ssl.log, JSON, by files", rows // 2, "records", lambda: toolkit.read(folder / "json.log"))
        if importlib.util.find_spec("zat"):
            from zat.log_to_dataframe import LogToDataFrame  # noqa: PLC0415

            log = str(folder / "ssl.log")
            measure("  zat.LogToDataFrame", rows, "rows", lambda: LogToDataFrame().create_dataframe(log))
        measure("  pandas.read_csv", rows, "rows", lambda: pd.read_csv(folder / "ssl.log", sep="\t", comment="#"))
        measure("tlsx, JSON lines", rows // 4, "records", lambda: toolkit.read(folder / "tlsx.jsonl"))
        measure("  another server in each record", rows // 4, "records", lambda: toolkit.read(folder / "new.jsonl"))
        measure("  pandas.read_json", rows // 4, "records", lambda: pd.read_json(folder / "tlsx.jsonl", lines=True))
        for words, file in (("Postfix log", "mail.log"), ("Exim log", "exim.log"), ("Dovecot log", "dovecot.log")):
            measure(words, 2 * rows, "lines", partial(toolkit.read, folder / file))
        shared = Path(__file__).parents[3] / "shared"
        if shared.exists():
            size = max(rows // 2000, 10)
            capture(folder / "smtp.pcap", read_conversation(shared), size)
            measure("pcap", size, "MB", lambda: toolkit.read(folder / "smtp.pcap"))
            if tshark := shutil.which("tshark"):
                command = [tshark, "-r", str(folder / "smtp.pcap"), "-Y", "tls.handshake", "-T", "json"]
                measure("  tshark", size, "MB", lambda: subprocess.run(command, check=True, capture_output=True))


if __name__ == "__main__":
    main()
