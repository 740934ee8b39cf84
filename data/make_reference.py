"""Make toolkit/reference/*.csv from the IANA registries: `python data/make_reference.py REGISTRIES [FOLDER]`.

REGISTRIES is the folder with tls-parameters-4.csv (suites), tls-parameters-8.csv (groups) and tls-signaturescheme.csv;
FOLDER is where the files go (default: toolkit/reference). The same input gives the same bytes.
It needs the project's environment: `.venv/bin/python`.
"""

import argparse
import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from extra_codes import EXTRA_SCHEMES, EXTRA_SUITES
from group_rules import parse_group
from offer_lists import OFFERS
from published_drafts import published
from scheme_rules import parse_scheme
from suite_rules import parse_name
from tool_names import gnutls_name, openssl_name

from toolkit.reference import group, offer, scheme, suite

# When the registries were published (source: the README next to them).
SUITES_DATE, GROUPS_DATE, SCHEMES_DATE = "2026-01", "2025-11", "2025-11"
_RECOMMENDED = {"Y": True, "N": False, "D": False, "": None}


def make_suites(registry: Path) -> list[dict[str, object]]:
    """Every suite of the registry, and those that servers use without one; signalling values and ranges left out."""
    rows = []
    for entry in _entries(registry):
        name = entry["Description"]
        if not name.startswith("TLS_") or name.endswith("_SCSV"):
            continue
        high, low = entry["Value"].split(",")
        code = int(high, 16) << 8 | int(low, 16)
        source = _source("IANA TLS Cipher Suites", entry)
        rows.append(_suite(code, name, _RECOMMENDED[entry["Recommended"]], source, SUITES_DATE))
    rows += [_suite(extra.code, extra.name, None, extra.source, extra.date) for extra in EXTRA_SUITES]
    return sorted(rows, key=lambda row: int(str(row["code"]), 16))


def make_groups(registry: Path) -> list[dict[str, object]]:
    """Every group of the registry; GREASE and ranges left out."""
    rows = []
    for entry in _entries(registry):
        if entry["Description"] in ("Reserved", "Unassigned", "Reserved for Private Use"):
            continue
        facts = parse_group(entry["Description"])
        source = _source("IANA TLS Supported Groups", entry)
        rows.append({"code": f"0x{int(entry['Value']):04X}", **facts, "source": source, "date": GROUPS_DATE})
    return rows


def make_schemes(registry: Path) -> list[dict[str, object]]:
    """Every scheme of the registry, and the pairs of TLS 1.2 that it only reserves."""
    rows: list[dict[str, object]] = []
    for entry in _entries(registry):
        if entry["Description"].startswith(("Reserved", "Unassigned")):
            continue
        source = _source("IANA TLS SignatureScheme", entry)
        rows.append(
            {"code": entry["Value"], "name": entry["Description"], **parse_scheme(entry["Description"]),
             "source": source, "date": SCHEMES_DATE}
        )  # fmt: skip
    rows += [
        {"code": f"0x{extra.code:04X}", "name": extra.name, **parse_scheme(extra.name), "source": extra.source,
         "date": extra.date}
        for extra in EXTRA_SCHEMES
    ]  # fmt: skip
    return sorted(rows, key=lambda row: int(str(row["code"]), 16))


def write(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> None:
    """Write the rows the way `toolkit.reference.rows` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: _cell(row[column]) for column in columns} for row in rows)


def _suite(code: int, name: str, is_recommended: bool | None, source: str, day: str) -> dict[str, object]:
    return {
        "code": f"0x{code:04X}" if code <= 0xFFFF else f"0x{code:06X}",
        "name": name,
        "openssl_name": openssl_name(name, code),
        "gnutls_name": gnutls_name(name, code),
        **parse_name(name, code),
        "is_recommended": is_recommended,
        "source": source,
        "date": day,
    }


def _entries(registry: Path) -> list[dict[str, str]]:
    with registry.open(encoding="utf-8", newline="") as file:  # cells may hold line breaks
        return list(csv.DictReader(file, strict=True))


def _source(registry: str, entry: Mapping[str, str]) -> str:
    """The registry and its references; a draft that has become an RFC since is named by the RFC."""
    references = [published(reference) for reference in re.findall(r"\[([^]]+)\]", entry["Reference"])]
    return " ".join([registry + ":", ", ".join(references)])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def main() -> None:
    """Read the registries and write the four files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("registries", type=Path)
    default = Path(__file__).resolve().parent.parent / "toolkit" / "reference"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    arguments = parser.parse_args()
    write(arguments.folder / "suites.csv", suite.COLUMNS, make_suites(arguments.registries / "tls-parameters-4.csv"))
    write(arguments.folder / "groups.csv", group.COLUMNS, make_groups(arguments.registries / "tls-parameters-8.csv"))
    schemes = make_schemes(arguments.registries / "tls-signaturescheme.csv")
    write(arguments.folder / "signature_schemes.csv", scheme.COLUMNS, schemes)
    write(arguments.folder / "offers.csv", offer.COLUMNS, OFFERS)


if __name__ == "__main__":
    main()
