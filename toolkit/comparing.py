"""Compare: what OpenSSL and `cryptography` say of the same chains, beside the verdicts of `verify_chains`.

Both get the same question: these certificates, this name, this instant, these roots and nothing of the system's. What
they cannot be asked is null, with the reason: silence is no verdict. `openssl` is a program: it gets files in a
folder of its own, a time limit, and a bounded number of bytes; `cryptography` bounds its own search.
"""

import re
import shutil
import subprocess
import warnings
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, NamedTuple

import pandas as pd
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from toolkit import columns
from toolkit.analyse.host_names import compared_host
from toolkit.analyse.trust.elements import Element, Unreadable, read_element
from toolkit.analyse.trust.paths import readable
from toolkit.analyse.trust.verify import Intermediates, name_asked, verify_chains
from toolkit.reference.roots import Roots, load_roots
from toolkit.tables import Tables, as_pem, require_tables

DTYPES: Final = {
    "service": "string",
    "host": "string",
    "server_name": "string",
    "leaf_sha256": "string",
    "chain_sha256": "object",
    "as_of_from": columns.DTYPES["instant"],
    "as_of_until": columns.DTYPES["instant"],
    "verdict": "string",
    "reason": "string",
    "openssl_verdict": "string",
    "openssl_reason": "string",
    "cryptography_verdict": "string",
    "cryptography_reason": "string",
    "is_agreed": "boolean",
    "source": "string",
}
"""Columns of `compare_verifiers`, in order, and their dtypes."""

MOST_ELEMENTS: Final = 1_000
"""Distinct certificates of one question; `openssl` reads so many in 0.2 s."""

MOST_BYTES: Final = 1 << 24
"""Bytes of one question. Chains on the web stay below 64 KiB."""

SECONDS: Final = 30
"""How long one run of `openssl` may take."""

MOST_TEXT: Final = 500
"""Characters kept of a reason: it may hold names out of a certificate."""

_ERROR = re.compile(r"^error \d+ at (\d+) depth lookup: ?(.*)$", re.M)
"""What `openssl verify` prints for each thing wrong; depth 0 is the leaf."""


def compare_verifiers(
    tables: Tables,
    *,
    roots: Roots,
    as_of: datetime | str | Iterable[datetime | str] = "observed",
    intermediates: Intermediates = "served",
) -> pd.DataFrame:
    """The verdicts of `verify_chains`, and beside them those of two verifiers that this toolkit did not write.

    A row for each row of `verify_chains` with the same parameters. Asked are `openssl verify` (the program on PATH:
    `-attime`, `-purpose sslserver`, the name or the address, partial chains off, no store of the system) and
    `cryptography.x509.verification`, as TLS clients at `as_of_from`, with the same roots and elements; with
    `intermediates="held"` both get the other CA certificates of the tables too.

    They differ by design. `openssl verify` takes every hash (security level 0), takes the common name where there is
    no dNSName, and takes `notAfter` itself for expired. `cryptography` follows the CA/Browser Forum of today at every
    instant: it refuses SHA-1, a leaf without subjectAltName, Ed25519, CAs without keyUsage. Neither knows `unknown`: a
    root that is not among `roots` is untrusted to them. The tests hold each difference with its reason.

    Columns, in order:

    - `service`, `host`, `server_name`, `leaf_sha256` (string), `chain_sha256` (tuple of string), `as_of_from`,
      `as_of_until` (instant), `verdict`, `reason` (string): as in `verify_chains`
    - `openssl_verdict`, `cryptography_verdict` (string: `trusted`, `untrusted`; null: it could not be asked: the chain
      was not recorded, the look is not dated, no name was asked for, there is no such program, an element cannot be
      given to it, too many elements), `openssl_reason`, `cryptography_reason` (string, in its own words, at most 500
      characters; where the verdict is null, why it was not asked; null: it trusts)
    - `is_agreed` (boolean): either all that gave a verdict trust the chain, or none does (`unknown` is no trust);
      null: neither of the two could be asked
    - `source` (string)

    Each distinct question is asked once; with the roots of `certifi` it takes about 25 ms, nearly all of it in
    `openssl`.

    Raises `UsageError` as `verify_chains`.

    >>> import toolkit
    >>> from toolkit.lab import Lab
    >>> tables = toolkit.load_example("lab-sample").within(services="smtp://relay.lab.test:587")
    >>> verdicts = toolkit.compare_verifiers(tables, roots=Lab().roots)
    >>> print(toolkit.chart.tabulate(verdicts, columns=["verdict", "cryptography_verdict", "is_agreed"]))
      verdict cryptography_verdict is_agreed
    untrusted            untrusted       yes
      trusted              trusted       yes
      trusted              trusted       yes
      trusted              trusted       yes
      trusted              trusted       yes
      trusted              trusted       yes
    """
    require_tables(tables, "compare_verifiers")
    anchors = load_roots(roots)
    judged = verify_chains(tables, roots=anchors, as_of=as_of, intermediates=intermediates)
    shelf = _Shelf(tables.certificates, uses_held=intermediates == "held")
    with TemporaryDirectory(prefix="tls-toolkit-") as folder:
        verifiers = (_OpenSSL(Path(folder), anchors, shelf), _Cryptography(anchors, shelf))
        known: dict[_Question | str, list[_Answer]] = {}
        rows = []
        for row in judged.to_dict("records"):
            question = _question(row, shelf, intermediates)
            if question not in known:
                known[question] = [
                    _Answer(None, question) if isinstance(question, str) else verifier.ask(question)
                    for verifier in verifiers
                ]
            rows.append(_columns(row["verdict"], *known[question]))
    told = pd.DataFrame(rows, index=judged.index, columns=[name for name in DTYPES if name not in judged])
    return judged.join(told)[list(DTYPES)].astype(DTYPES)


class _Answer(NamedTuple):
    """What a verifier said: `trusted`, `untrusted`, or null where it could not be asked; and why."""

    verdict: Literal["trusted", "untrusted"] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Question:
    """A chain (distinct, leaf first), a name, an instant."""

    chain: tuple[str, ...]
    name: str
    is_address: bool
    instant: datetime


class _Shelf:
    """The certificates of the tables by hash, each read once, and the CA certificates that may serve beside."""

    def __init__(self, certificates: pd.DataFrame, *, uses_held: bool) -> None:
        certificates = certificates[certificates["der"].notna()]
        self.ders: dict[str, bytes] = dict(zip(certificates["cert_sha256"], certificates["der"], strict=True))
        may_issue = certificates["is_ca"].fillna(True).astype(bool)
        self.held: tuple[str, ...] = tuple(certificates.loc[may_issue, "cert_sha256"]) if uses_held else ()
        self._elements: dict[str, Element | Unreadable] = {}

    def others(self, question: _Question) -> list[str]:
        """All but the leaf: what was served, then what is held."""
        return list(dict.fromkeys([*question.chain[1:], *(sha for sha in self.held if sha != question.chain[0])]))

    def element(self, sha256: str) -> Element | Unreadable:
        """The certificate as `cryptography` reads it."""
        if sha256 not in self._elements:
            self._elements[sha256] = read_element(self.ders[sha256])
        return self._elements[sha256]


def _question(row: Mapping[Hashable, Any], shelf: _Shelf, intermediates: Intermediates) -> _Question | str:
    """What there is to ask about a row of `verify_chains`, or why nobody can be asked."""
    chain, asked = row["chain_sha256"], name_asked(row)
    if chain is None and intermediates == "served":
        return "the chain was not recorded as served"
    if pd.isna(row["as_of_from"]):
        return "the look is not dated well enough"
    if not asked:
        return "no name was asked for"
    name, is_address = compared_host(asked)
    if name is None:
        return "what was asked for is not a host name"
    # Both count in whole seconds, as `verify_chains` does.
    instant = row["as_of_from"].to_pydatetime().replace(microsecond=0)
    served = tuple(dict.fromkeys([row["leaf_sha256"], *(chain or ())[1:]]))
    question = _Question(served, name, is_address, instant)
    if not all(shelf.ders.get(sha256) for sha256 in served):
        return "the bytes of an element are not in the tables"
    elements = [served[0], *shelf.others(question)]
    if len(elements) > MOST_ELEMENTS:
        return f"{len(elements):,} elements are too many to ask about"
    if (size := sum(len(shelf.ders[sha256]) for sha256 in elements)) > MOST_BYTES:
        return f"{size:,} bytes are too many to ask about"
    return question


def _columns(verdict: str, openssl: _Answer, cryptography: _Answer) -> dict[str, object]:
    """The columns that two answers give beside a verdict of ours."""
    said = [answer.verdict for answer in (openssl, cryptography) if answer.verdict is not None]
    return {
        "openssl_verdict": openssl.verdict,
        "openssl_reason": openssl.reason and openssl.reason[:MOST_TEXT],
        "cryptography_verdict": cryptography.verdict,
        "cryptography_reason": cryptography.reason and cryptography.reason[:MOST_TEXT],
        "is_agreed": all((one == "trusted") == (verdict == "trusted") for one in said) if said else None,
    }


class _OpenSSL:
    """`openssl verify`, run once a question on files in `folder`."""

    def __init__(self, folder: Path, roots: Iterable[bytes], shelf: _Shelf) -> None:
        self._program = shutil.which("openssl")
        self._folder = folder
        self._shelf = shelf
        self._roots = self._write("roots", roots)

    def ask(self, question: _Question) -> _Answer:
        """Its verdict, and each thing wrong that it prints."""
        if self._program is None:
            return _Answer(None, "there is no program openssl on PATH")
        leaf, *others = (self._shelf.ders[sha256] for sha256 in [question.chain[0], *self._shelf.others(question)])
        command = [
            self._program, "verify", "-attime", str(int(question.instant.timestamp())), "-purpose", "sslserver",
            *(["-verify_ip"] if question.is_address else ["-verify_hostname"]), question.name,
            "-no-CApath", "-no-CAstore", "-CAfile", self._roots,
            *(["-untrusted", self._write("chain", others)] if others else []), self._write("leaf", [leaf]),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _Answer(None, f"openssl verify took longer than {SECONDS} s")
        except (OSError, ValueError) as error:  # a name that is longer than an argument, or holds NUL
            return _Answer(None, f"openssl cannot be asked: {error}")
        wrong = [f"depth {depth}: {words}" for depth, words in _ERROR.findall(done.stderr)]
        if wrong:
            return _Answer("untrusted", "; ".join(wrong))
        if done.returncode == 0:
            return _Answer("trusted", None)
        said, _, _ = done.stderr.replace(f"{self._folder}/", "").strip().partition("\n")
        return _Answer(None, f"openssl verify ended with status {done.returncode}: {said}")

    def _write(self, name: str, ders: Iterable[bytes]) -> str:
        path = self._folder / name
        path.write_text("".join(as_pem(der) for der in ders), encoding="ascii")
        return str(path)


class _Cryptography:
    """`cryptography.x509.verification`, in this process; it bounds the signatures that it checks."""

    def __init__(self, roots: Iterable[bytes], shelf: _Shelf) -> None:
        self._store = Store([root.certificate for root in readable(read_element(der) for der in roots)])
        self._shelf = shelf

    def ask(self, question: _Question) -> _Answer:
        """Its verdict, in its own words."""
        served = [self._shelf.element(sha256) for sha256 in question.chain]
        for number, element in enumerate(served, start=1):
            if isinstance(element, Unreadable):
                return _Answer(None, f"served certificate {number}: it cannot be read ({element.reason})")
        others = [self._shelf.element(sha256) for sha256 in self._shelf.others(question)]
        leaf, *untrusted = (element.certificate for element in readable([served[0], *others]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            try:
                subject = (
                    x509.IPAddress(ip_address(question.name)) if question.is_address else x509.DNSName(question.name)
                )
                verifier = PolicyBuilder().store(self._store).time(question.instant).build_server_verifier(subject)
                verifier.verify(leaf, untrusted)
            except VerificationError as error:
                return _Answer("untrusted", str(error))
            except ValueError as error:
                return _Answer(None, f"cryptography cannot be asked: {error}")
        return _Answer("trusted", None)
