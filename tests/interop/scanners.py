"""Scanners from Debian, run against servers on loopback, and their reports read."""

import subprocess
from pathlib import Path

import toolkit


def scan_with_nmap(program: str, report: Path, host: str, *ports: int) -> toolkit.Tables:
    listed = ",".join(map(str, ports))
    _run(program, "-Pn", "-n", "-sT", "-p", listed, "--script", "ssl-cert,ssl-enum-ciphers", "-oX", report, host)
    return toolkit.read(report)


def scan_with_sslscan(program: str, report: Path, port: int, *options: str) -> toolkit.Tables:
    _run(program, "--no-colour", *options, f"--xml={report}", f"127.0.0.1:{port}")
    return toolkit.read(report)


def scan_with_sslyze(program: str, report: Path, port: int) -> toolkit.Tables:
    versions = ("--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3")
    _run(program, f"--json_out={report}", "--certinfo", *versions, f"127.0.0.1:{port}")
    return toolkit.read(report)


def accepted_suites(tables: toolkit.Tables) -> set[tuple[str, str]]:
    rows = tables.support[(tables.support["state"] == "accepted") & tables.support["suite"].notna()]
    return set(zip(rows["protocol"], rows["suite"], strict=True))


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=120)
