"""x509-limbo and PKITS as a table: `python -m tests.benchmarks.trust_cases [LIMBO]`, with the path of limbo.json.gz.

By default that of the files that others made, next to the checkout. The exit code is 1 where a chain is trusted that
should not be, for another reason than one that the docstring of `verify_chains` leaves out.
"""

import sys
import warnings
from collections import Counter
from pathlib import Path

from tests.analyse.trust import limbo, test_pkits
from tests.conftest import SHARED

LIMBO = SHARED / "recorded/others/limbo/limbo.json.gz"
UNKNOWN = "not explained"


def main(path: Path) -> int:
    """Print how often each expectation met each verdict, then every difference with its reason.

    Returns the number of chains that are trusted, or valid, without such a reason.
    """
    warnings.simplefilter("ignore")
    counts: Counter[tuple[str, str, str]] = Counter()
    differences = []
    of_servers, of_clients = limbo.read_cases(path)
    for name, is_right, verdict, _ in limbo.judged(of_servers):
        expected = "success" if is_right else "failure"
        counts["x509-limbo", expected, verdict] += 1
        if verdict != ("trusted" if is_right else "untrusted"):
            differences.append(("x509-limbo", name, expected, verdict, limbo.DIFFERS.get(name, UNKNOWN)))
    left_out: Counter[tuple[str, str]] = Counter()
    for path_name, verdict in test_pkits.judge_paths().items():
        name = str(path_name)
        expected = test_pkits.expected(name)
        if (reason := test_pkits.why_left_out(name)) is not None:
            left_out[reason, expected] += 1
            continue
        counts["PKITS", expected, verdict] += 1
        if verdict != expected:
            differences.append(("PKITS", name, expected, verdict, test_pkits.DIFFERS.get(name, UNKNOWN)))
    for (suite, expected, verdict), count in sorted(counts.items()):
        print(f"{suite:<12}{expected:<10}{verdict:<12}{count:>5}")
    print(
        f"\nx509-limbo has {len(of_clients)} cases more, which verify the certificate of a client and are not judged:"
    )
    print("\n".join(of_clients))
    print(f"\nPKITS has {sum(left_out.values())} more cases, about what the verdict does not cover:")
    for (reason, expected), count in sorted(left_out.items()):
        print(f"{reason:<12}{expected:<22}{count:>5}")
    dangerous = [(name, reason) for _, name, _, verdict, reason in differences if verdict in ("trusted", "valid")]
    unexplained = [name for name, reason in dangerous if reason not in limbo.DANGEROUS_REASONS]
    print(f"\ntrusted or valid, expected failure: {len(dangerous)}; without a documented reason: {len(unexplained)}\n")
    for suite, name, expected, verdict, reason in sorted(differences):
        print(f"{suite:<12}{name:<80}{expected:<10}{verdict:<12}{reason}")
    return len(unexplained)


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]) if len(sys.argv) > 1 else LIMBO) else 0)
