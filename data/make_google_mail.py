"""Convert the record of Google's mail servers into `Tables`: `python data/make_google_mail.py` → data/google-mail/.

Reads `../shared/recorded/google_mail`, which is not part of the project. The rule: what a row of the record does not
say is null. What somebody else filled in afterwards is not what the source printed, and is null too.
"""

import csv
import re
import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from toolkit import schema
from toolkit.certificates import parse_certificate
from toolkit.readers.pem import read_certificates
from toolkit.reference import Suite, find_suite, suites
from toolkit.tables import Tables
from toolkit.targets import parse_target

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT.parent / "shared" / "recorded" / "google_mail"
FOLDER: Final = ROOT / "data" / "google-mail"

PROTOCOLS: Final = {
    "SSLv2": "SSL 2.0",
    "SSLv3": "SSL 3.0",
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}

SCHEMES: Final = {"smtp": "smtp", "465": "smtps", "993": "imaps", "995": "pop3s"}
"""STARTTLS dialogue, or the port of implicit TLS → scheme."""

# Days that are days of publication: the look came before. Every other day is the day of a log line or a message.
PUBLISHED: Final = {
    "date of first SecureDrop commit naming this SHA-1 (upper bound on first sighting)",
    "commit date (scan no later than this)",
    "commit date",
    "post date",
    "comment date",
    "thread about FREAK, March 2015; exact day not seen",
}

# Where the record itself says that the day may be a later one.
LAST_DAYS: Final = {
    "log month/day; year inferred from OS X Yosemite (may be 2014 or 2015)": date(2015, 12, 15),
    '"66 days remaining" and TOC date Oct-02-2025 (2025-10-02 or -03)': date(2025, 10, 3),
    "thread about FREAK, March 2015; exact day not seen": date(2015, 3, 31),
}

# The day of a scan in support.csv → what day that is, as the record says of the same sources elsewhere.
SCANS: Final = {
    "2015-11-25": "commit date (scan no later than this)",
    "2015-03": "thread about FREAK, March 2015; exact day not seen",
}

# A day without a zone begins with UTC+14 and ends with UTC-12 (the zones in use, IANA time zone database).
EARLIEST, LATEST = timedelta(hours=-14), timedelta(hours=12)

# msmtp prints cipher, group and signature; TLS 1.3 has one suite with AES-256-GCM (RFC 8446, appendix B.4).
SPELT_OUT: Final = {"AES-256-GCM (ECDHE-X25519, ECDSA-SECP256R1-SHA256)": "TLS_AES_256_GCM_SHA384"}

# In TLS 1.3 each of these is this one scheme (RFC 8446, section 4.2.3).
ECDSA_P256: Final = re.compile(r"peer signature ECDSA/SHA256|ECDSA \(P-256\)|ECDSA prime256v1|ECDSA-SECP256R1-SHA256")

# Rows whose source prints a fingerprint only; the keeper of the record added the rest from the certificate.
FILLED_IN: Final = ("serial/dates filled from the PEM", "fingerprint only")


def make(record: Path) -> Tables:
    """The record as `Tables`: a row per certificate and per sighting, the support answers, leaves and issuers."""
    looks = [_look("google-mail-certificates", row, record) for row in _rows(record / "certificates.csv")]
    looks += [_look("google-mail-sightings", row, record) for row in _rows(record / "sightings.csv")]
    observations = schema.frame("observations", looks)
    # Equal keys would be taken for one look written twice, and none of these is.
    key = [name for name in schema.OBSERVATION_KEY if name != "sample"]
    observations["sample"] = observations.groupby(key, dropna=False).cumcount().astype("Int64")
    files = sorted(record.glob("certificates/*.pem")) + sorted(record.glob("issuers/*.pem"))
    certificates = [parse_certificate(der) for file in files for der in read_certificates(file)]
    certificates.sort(key=lambda row: str(row["cert_sha256"]))
    leaves = {_scan(row["source"]): row["not_before"] for row in _rows(record / "certificates.csv")}
    support = [_answer(row, leaves) for row in _rows(record / "support.csv")]
    return Tables.from_frames(
        observations=observations,
        certificates=schema.frame("certificates", certificates),
        support=schema.frame("support", support),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _look(series: str, row: dict[str, str], record: Path) -> dict[str, object]:
    note = row.get("note", "")
    host, address, is_named = _host(row["host"], note)
    protocol = PROTOCOLS.get(row["protocol"])
    suite = _suite(row["cipher"], protocol)
    is_filled_in = note.startswith(FILLED_IN)
    is_zone_known = "zone ambiguous" not in row["not_before"]
    reasons = (
        "" if is_named else f"server: {row['host']}",
        "" if protocol or not row["protocol"] else f"protocol: {row['protocol']}",
        f"suite: {row['cipher']}" if suite and " (" in row["cipher"] else "",
        "" if is_zone_known else f"validity: {row['not_before']} to {row['not_after']}",
        f"key: {row['key_bits']} bits" if row["key_bits"] and "file" not in row else "",
        note,
    )
    look: dict[str, object] = {
        **_dates(row["observed_on"], row.get("observed_basis") or row["date_basis"]),
        "round": series,
        "sample": 0,
        "source": row["source"],
        "service": _service(host, row["port"], row["starttls"]),
        "host": host,
        "port": int(row["port"]) if row["port"] else None,
        "address": address,
        "outcome": "ok",
        "reason": "; ".join(filter(None, reasons)) or None,
        "protocol": protocol,
        "suite": suite.name if suite else None,
        "suite_code": suite.code if suite else None,
    }
    if "file" in row:
        (leaf,) = read_certificates(record / "certificates" / row["file"])
        return look | {"leaf_sha256": parse_certificate(leaf)["cert_sha256"]}
    if protocol == "TLS 1.3" and ("ECDHE-X25519" in row["cipher"] or note.startswith("X25519")):
        look["group"] = "x25519"
    if protocol == "TLS 1.3" and ECDSA_P256.search(f"{row['cipher']} {note}"):
        look["signature_scheme"] = "ecdsa_secp256r1_sha256"
    look |= {
        "printed_fingerprint": row["fingerprint"] or None,
        "printed_bits": int(row["cipher_bits"]) if row["cipher_bits"] else None,
    }
    if is_filled_in:
        return look
    return look | {
        "printed_subject": row["subject"].removesuffix(" (CN as printed)") or None,
        "printed_issuer": row["issuer"] or None,
        "printed_serial": row["serial"] or None,
        "printed_not_before": _instant(row["not_before"]) if is_zone_known else None,
        "printed_not_after": _instant(row["not_after"]) if is_zone_known else None,
    }


def _host(recorded: str, note: str) -> tuple[str | None, str | None, bool]:
    """Host name, address, and whether the record names a host at all (`gmail MX 173.194.79.26` does not)."""
    found = re.search(r"(?:^| \(| IP |^IP |IPv6 |MX )([0-9]+\.[0-9.]+|[0-9a-f]+:[0-9a-f:]+)", f"{recorded} {note}")
    name = recorded.partition(" (")[0]
    is_named = " " not in name
    return name if is_named else None, found[1] if found else None, is_named


def _service(host: str | None, port: str, upgrade: str) -> str | None:
    if host is None or not port:
        return None
    return parse_target(f"{SCHEMES[upgrade if upgrade != 'implicit' else port]}://{host}:{port}").service


def _suite(printed: str, protocol: str | None) -> Suite | None:
    if not printed:
        return None
    name = SPELT_OUT.get(printed, printed).removesuffix(" (preferred)")
    if name.endswith(" (GnuTLS name)"):
        name = "TLS_" + name.removesuffix(" (GnuTLS name)")
    found = (
        next((suite for suite in suites().values() if suite.openssl_name == name and protocol in suite.versions), None)
        if protocol == "SSL 2.0"  # which shares names with SSL 3.0
        else find_suite(name)
    )
    if found is None:
        raise ValueError(f"no suite is named {printed!r}")
    return found


def _instant(printed: str) -> datetime | None:
    return datetime.fromisoformat(printed).astimezone(UTC) if printed else None


def _dates(observed_on: str, basis: str) -> dict[str, object]:
    """The instant if the record has it, else its bounds; `date_basis` keeps the record's own words."""
    if not observed_on:
        said = re.sub(r"^undated(?: (?:in )?)?", "", basis)
        said = said[1:-1] if said.startswith("(") and said.endswith(")") else said
        return {"date_basis": f"undated: {said}" if said else "undated"}
    if "T" in observed_on:
        return {"observed_at": _instant(observed_on), "date_basis": f"observed: {basis}"}
    first = date.fromisoformat(observed_on if len(observed_on) == 10 else f"{observed_on}-01")
    last = LAST_DAYS.get(basis, first)
    until = datetime.combine(last + timedelta(days=1), time(), UTC) + LATEST
    if basis in PUBLISHED:
        return {"observed_until": until, "date_basis": f"until: {observed_on}, zone not said; {basis}"}
    return {
        "observed_from": datetime.combine(first, time(), UTC) + EARLIEST,
        "observed_until": until,
        "date_basis": f"between: {observed_on}, zone not said; {basis}",
    }


def _scan(source: str) -> str:
    """The file and its version, without what the record says about them besides."""
    return source.partition(" (")[0]


def _answer_dates(row: dict[str, str], leaves: dict[str, str]) -> dict[str, object]:
    """A scan was made before it was published, and not before the leaf that it shows became valid."""
    day = row["observed_on"].partition(" ")[0]
    dates = _dates(day, SCANS[day])
    not_before = leaves.get(_scan(row["source"]))
    if not_before is None:
        return dates
    basis = f"between: {day}, zone not said; {SCANS[day]}; the scan shows a leaf valid from {not_before}"
    return dates | {"observed_from": _instant(not_before), "date_basis": basis}


def _answer(row: dict[str, str], leaves: dict[str, str]) -> dict[str, object]:
    protocol = PROTOCOLS[row["protocol"]]
    suite = _suite(row["cipher"], protocol)
    assert suite is not None
    host, address, _ = _host(row["host"], "")
    is_accepted, is_first = row["accepted"] == "True", row["preferred"] == "True"
    reasons = (
        "listed as accepted" if is_accepted else "listed as rejected",
        "first choice" if is_first else "",
        f"{row['cipher_bits']} bits" if row["cipher_bits"] else "",
        f"{row['kx_type']} {row['kx_bits']} bits" if row["kx_type"] else "",
        row["source"],
    )
    return {
        **_answer_dates(row, leaves),
        "round": f"google-mail-support-{row['observed_on'][:10].partition(' ')[0]}",
        "service": _service(host, row["port"], row["starttls"]),
        "address": address,
        "protocol": protocol,
        "suite": suite.name,
        "suite_code": suite.code,
        "state": "accepted" if is_accepted else "refused",
        "rank": 1 if is_first else None,
        "reason": "; ".join(filter(None, reasons)),
    }


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    make(RECORD).to_csv(FOLDER)
