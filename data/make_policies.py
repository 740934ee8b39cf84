"""Make toolkit/reference/policies/mozilla.csv: `python data/make_policies.py GUIDELINES [FILE]`.

GUIDELINES is a folder with Mozilla's server-side TLS guidelines as JSON, one file an edition, and `dates.csv`, which
says from when each edition stood and how that is known. The settings are facts; the same input gives the same bytes.
It needs the project's environment: `.venv/bin/python`.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from toolkit.reference import find_suite, groups
from toolkit.reference.rules import COLUMNS

LEVELS = ("modern", "intermediate", "old")
VERSIONS = {"SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
CURVES = {"prime256v1": "secp256r1"}


def make_rules(folder: Path) -> list[dict[str, str]]:
    """The rules of every edition and level, in order of their dates."""
    with (folder / "dates.csv").open(encoding="utf-8") as file:
        editions = list(csv.DictReader(file))
    rules = []
    for number, edition in enumerate(editions):
        guideline = json.loads((folder / f"{edition['version']}.json").read_text(encoding="utf-8"))
        following = editions[number + 1] if number + 1 < len(editions) else None
        until = following["date"] if following else ""
        if until == edition["date"]:
            continue  # the next edition came on the same day
        for level in LEVELS:
            if level in guideline["configurations"]:
                common = {
                    "policy": f"mozilla-{level}",
                    "edition": edition["version"],
                    "level": "must",
                    "since": edition["date"],
                    "until": until,
                    "dated_by": "observed",
                    "authority": f"Mozilla, Server Side TLS guidelines {edition['version']}, {level}",
                    "url": guideline["href"],
                    "date_basis": edition["basis"],
                }
                rules += [common | rule for rule in _rules(guideline["configurations"][level])]
    return rules


def _rules(settings: dict[str, Any]) -> list[dict[str, str]]:
    versions = sorted(VERSIONS[name] for name in settings["tls_versions"])
    found = [
        _rule("versions", "protocol", "among", versions, f"one of {', '.join(versions)}"),
        _rule("suites", "suite", "among", _suites(settings), "one of the edition's suites"),
        _rule(
            "curves", "group", "among", _groups(settings["tls_curves"]), f"one of {', '.join(settings['tls_curves'])}"
        ),
    ]
    types = [name.upper().replace("ECDSA", "EC") for name in settings["certificate_types"]]
    found.append(_rule("key-type", "key_type", "among", types, f"a key of type {' or '.join(types)}"))
    if settings["rsa_key_size"]:
        size = settings["rsa_key_size"]
        found.append(_rule("key-size", "key_bits", "at_least", [f"RSA={size}"], f"an RSA key of at least {size} bits"))
    if settings["certificate_curves"]:
        curves = _groups(settings["certificate_curves"])
        found.append(_rule("key-curve", "key_curve", "among", curves, f"an EC key on {' or '.join(curves)}"))
    signatures = settings["certificate_signatures"]
    found.append(_rule("signature", "signature_algorithm", "among", signatures, f"signed by {' or '.join(signatures)}"))
    if days := settings.get("maximum_certificate_lifespan"):
        found.append(_rule("validity", "lifetime", "at_most", [f"{days} days"], f"valid for at most {days} days"))
    return found


def _rule(rule: str, subject: str, test: str, value: list[str], required: str) -> dict[str, str]:
    return {"rule": rule, "subject": subject, "test": test, "value": "; ".join(value), "required": required}


def _suites(settings: dict[str, Any]) -> list[str]:
    """The names of TLS 1.2 and below, by OpenSSL's or IANA's name, and those of TLS 1.3."""
    names = settings.get("ciphers", {}).get("iana") or settings.get("openssl_ciphers") or []
    thirteen = settings.get("ciphersuites") or settings["openssl_ciphersuites"]
    found = []
    for name in [*names, *thirteen]:
        suite = find_suite(name)
        if suite is None:
            raise SystemExit(f"no suite is called {name!r}")
        found.append(suite.name)
    return list(dict.fromkeys(found))


def _groups(names: list[str]) -> list[str]:
    known = {group.name.lower(): group.name for group in groups().values()}
    return [known[CURVES.get(name, name).lower()] for name in names]


def main() -> None:
    """Write the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("guidelines", type=Path)
    arguments.add_argument("file", type=Path, nargs="?", default=Path("toolkit/reference/policies/mozilla.csv"))
    given = arguments.parse_args()
    with given.file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(make_rules(given.guidelines))


if __name__ == "__main__":
    main()
