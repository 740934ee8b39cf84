"""Compare the verdicts of `verify_chains` with those of OpenSSL and `cryptography` on the same chains.

Both get the same case: certificates, name, instant and roots, without the system's store. Where a
verifier cannot judge a case its verdict is null, with the reason. `openssl` is a program: it gets files in a folder of
its own, a time limit, and a bounded number of bytes; `cryptography` bounds its own search.
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

from toolkit.analyse.host_names import compared_host, host_of
from toolkit.analyse.trust.certificates import Unreadable, read_root
from toolkit.analyse.trust.chains import Chains
from toolkit.analyse.trust.outcomes import NOT_DATED
from toolkit.analyse.trust.paths import readable
from toolkit.analyse.trust.verify import TRUST, chains_of, judge_looks, name_asked
from toolkit.columns import Column, dtypes, returns
from toolkit.instants import Instant
from toolkit.reference.roots import Intermediates, Roots, load_roots
from toolkit.tables import Tables, as_pem, require_tables

_OURS: Final = (
    "service", "host", "server_name", "leaf_sha256", "chain_sha256", "verdict_from_at", "verdict_until_at", "verdict",
    "reason",
)  # fmt: skip
_NOT_JUDGED: Final = "it could not judge the chain; its reason says why"

COMPARED: Final = (
    *(column for column in TRUST if column.name in _OURS),
    Column("openssl_verdict", "text", "`trusted` or `untrusted`, by `openssl verify`", _NOT_JUDGED),
    Column("openssl_reason", "text", "its messages, or why it could not judge; at most 500 characters", "it trusts"),
    Column("cryptography_verdict", "text", "`trusted` or `untrusted`, by `cryptography`", _NOT_JUDGED),
    Column(
        "cryptography_reason", "text", "its message, or why it could not judge; at most 500 characters", "it trusts"
    ),
    Column(
        "is_agreed",
        "boolean",
        "all verifiers that gave a verdict trust the chain, or none does (`unknown` counts as not trusted)",
        "neither of the two could judge",
    ),
    TRUST[-1],
)
"""The columns of `compare_verifiers`."""

MOST_CERTIFICATES: Final = 1_000
"""Distinct certificates of one case; `openssl` reads that many in 0.2 s."""

MOST_BYTES: Final = 1 << 24
"""Bytes of one case. Chains on the web stay below 64 KiB."""

SECONDS: Final = 30
"""Time limit of one run of `openssl`."""

MOST_TEXT: Final = 500
"""Characters kept of a reason, which may contain names from a certificate."""

_ERROR = re.compile(r"^error \d+ at (\d+) depth lookup: ?(.*)$", re.M)
"""What `openssl verify` prints for each problem; depth 0 is the leaf."""


@returns(COMPARED)
def compare_verifiers(
    tables: Tables,
    *,
    roots: Roots,
    as_of: Instant | Iterable[Instant] = "observed",
    intermediates: Intermediates = "served",
) -> pd.DataFrame:
    """The verdicts of `verify_chains` next to those of two verifiers that are not part of this toolkit.

    One row for each row of `verify_chains` with the same parameters. The others are `openssl verify` (the program on
    PATH, with `-attime`, `-purpose sslserver`, the name or the address, without partial chains and the system's store)
    and `cryptography.x509.verification`. Both judge as TLS clients at `verdict_from_at`, with the same roots and
    certificates; with `intermediates="held"` both get the other CA certificates of the tables too, with a file those of
    the file as well.

    They differ by design. `openssl verify` accepts every hash (security level 0), accepts the common name where there
    is no dNSName, and treats a certificate as expired at `notAfter` itself. `cryptography` applies today's rules of the
    CA/Browser Forum at every instant: it refuses SHA-1, a leaf without subjectAltName, Ed25519, and CAs without
    keyUsage. Neither has an `unknown`: a chain to a root that is not among `roots` is untrusted to them.

    A verifier cannot judge where the chain was not recorded, the look is not dated, no name was asked for, a
    certificate cannot be given to it, there are too many certificates, or there is no program `openssl`. Each distinct
    case is judged once; with the roots of `certifi` that takes about 25 ms, nearly all of it in `openssl`.

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
    chains = chains_of(tables, anchors, intermediates)
    judged = judge_looks(tables, chains, as_of)
    certificates = _HeldCertificates(chains, None if intermediates == "served" else chains.issuers)
    with TemporaryDirectory(prefix="tls-toolkit-") as folder:
        verifiers = (_OpenSSL(Path(folder), anchors, certificates), _Cryptography(anchors, certificates))
        known: dict[_ChainCase | str, list[_ChainVerdict]] = {}
        rows = []
        for row in judged.to_dict("records"):
            case = _case_of(row, certificates)
            if case not in known:
                known[case] = [
                    _ChainVerdict(None, case) if isinstance(case, str) else verifier.judge(case)
                    for verifier in verifiers
                ]
            rows.append(_columns(row["verdict"], *known[case]))
    others = pd.DataFrame(rows, index=judged.index, columns=[name for name in dtypes(COMPARED) if name not in judged])
    return judged.join(others)[list(dtypes(COMPARED))].astype(dtypes(COMPARED))


class _ChainVerdict(NamedTuple):
    """The verdict of a verifier, None where it could not judge, and its reason."""

    verdict: Literal["trusted", "untrusted"] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _ChainCase:
    """A chain (distinct certificates, leaf first), a name and an instant."""

    chain: tuple[str, ...]
    name: str
    is_address: bool
    instant: datetime


@dataclass(frozen=True, slots=True, eq=False)
class _HeldCertificates:
    """The certificates that `verify_chains` judged; `issuers` complete each chain (None: what was served is all)."""

    chains: Chains
    issuers: tuple[str, ...] | None

    @property
    def ders(self) -> Mapping[str, bytes]:
        """The known certificates by SHA-256."""
        return self.chains.ders

    def others(self, case: _ChainCase) -> list[str]:
        """The certificates other than the leaf: those that were served, then those of the tables."""
        return list(dict.fromkeys([*case.chain[1:], *(sha for sha in self.issuers or () if sha != case.chain[0])]))


def _case_of(row: Mapping[Hashable, Any], held: _HeldCertificates) -> _ChainCase | str:
    """The case of a row of `verify_chains`, or why there is none."""
    chain, asked = row["chain_sha256"], name_asked(row)
    if chain is None and held.issuers is None:
        return "the chain was not recorded as served"
    if pd.isna(row["verdict_from_at"]):
        return NOT_DATED
    if not asked:
        return "no name was asked for"
    name, is_address = compared_host(host_of(asked))
    if name is None:
        return "the name asked for is not a host name"
    # Whole seconds, as in `verify_chains`.
    instant = row["verdict_from_at"].to_pydatetime().replace(microsecond=0)
    served = tuple(dict.fromkeys([row["leaf_sha256"], *(chain or ())[1:]]))
    case = _ChainCase(served, name, is_address, instant)
    if not all(held.ders.get(sha256) for sha256 in served):
        return "the bytes of a certificate are not in the tables"
    certificates = [served[0], *held.others(case)]
    if len(certificates) > MOST_CERTIFICATES:
        return f"there are {len(certificates):,} certificates, and at most {MOST_CERTIFICATES:,} are judged"
    if (size := sum(len(held.ders[sha256]) for sha256 in certificates)) > MOST_BYTES:
        return f"the certificates have {size:,} bytes, and at most {MOST_BYTES:,} are judged"
    return case


def _columns(verdict: str, openssl: _ChainVerdict, cryptography: _ChainVerdict) -> dict[str, object]:
    """The columns of two answers to a case with our verdict."""
    verdicts = [answer.verdict for answer in (openssl, cryptography) if answer.verdict is not None]
    return {
        "openssl_verdict": openssl.verdict,
        "openssl_reason": openssl.reason and openssl.reason[:MOST_TEXT],
        "cryptography_verdict": cryptography.verdict,
        "cryptography_reason": cryptography.reason and cryptography.reason[:MOST_TEXT],
        "is_agreed": all((one == "trusted") == (verdict == "trusted") for one in verdicts) if verdicts else None,
    }


class _OpenSSL:
    """`openssl verify`, run once for each case on files in `folder`."""

    def __init__(self, folder: Path, roots: Iterable[bytes], held: _HeldCertificates) -> None:
        self._program = shutil.which("openssl")
        self._folder = folder
        self._held = held
        self._roots = self._write("roots", roots)

    def judge(self, case: _ChainCase) -> _ChainVerdict:
        """Its verdict, and each problem that it prints."""
        if self._program is None:
            return _ChainVerdict(None, "there is no program openssl on PATH")
        leaf, *others = (self._held.ders[sha256] for sha256 in [case.chain[0], *self._held.others(case)])
        command = [
            self._program, "verify", "-attime", str(int(case.instant.timestamp())), "-purpose", "sslserver",
            *(["-verify_ip"] if case.is_address else ["-verify_hostname"]), case.name,
            "-no-CApath", "-no-CAstore", "-CAfile", self._roots,
            *(["-untrusted", self._write("chain", others)] if others else []), self._write("leaf", [leaf]),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _ChainVerdict(None, f"openssl verify took longer than {SECONDS} s")
        except (OSError, ValueError) as error:  # a name that is longer than an argument, or holds NUL
            return _ChainVerdict(None, f"openssl cannot judge: {error}")
        wrong = [f"depth {depth}: {words}" for depth, words in _ERROR.findall(done.stderr)]
        if wrong:
            return _ChainVerdict("untrusted", "; ".join(wrong))
        if done.returncode == 0:
            return _ChainVerdict("trusted", None)
        message, _, _ = done.stderr.replace(f"{self._folder}/", "").strip().partition("\n")
        return _ChainVerdict(None, f"openssl verify ended with status {done.returncode}: {message}")

    def _write(self, name: str, ders: Iterable[bytes]) -> str:
        path = self._folder / name
        path.write_text("".join(as_pem(der) for der in ders), encoding="ascii")
        return str(path)


class _Cryptography:
    """`cryptography.x509.verification`, in this process; it limits the signatures that it checks."""

    def __init__(self, roots: Iterable[bytes], held: _HeldCertificates) -> None:
        self._store = Store([root.parsed for root in readable(read_root(der) for der in roots)])
        self._held = held

    def judge(self, case: _ChainCase) -> _ChainVerdict:
        """Its verdict, with its message."""
        served = [self._held.chains.certificate(sha256) for sha256 in case.chain]
        for number, certificate in enumerate(served, start=1):
            if isinstance(certificate, Unreadable):
                return _ChainVerdict(None, f"served certificate {number}: it cannot be read ({certificate.reason})")
        others = [self._held.chains.certificate(sha256) for sha256 in self._held.others(case)]
        leaf, *untrusted = (certificate.parsed for certificate in readable([served[0], *others]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            try:
                subject = x509.IPAddress(ip_address(case.name)) if case.is_address else x509.DNSName(case.name)
                verifier = PolicyBuilder().store(self._store).time(case.instant).build_server_verifier(subject)
                verifier.verify(leaf, untrusted)
            except VerificationError as error:
                return _ChainVerdict("untrusted", str(error))
            except ValueError as error:
                return _ChainVerdict(None, f"cryptography cannot judge: {error}")
        return _ChainVerdict("trusted", None)
