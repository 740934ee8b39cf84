"""x509-limbo and PKITS as a table: `python -m tests.benchmarks.trust_cases LIMBO`, with the path of limbo.json.gz."""

import sys
import warnings
from collections import Counter
from pathlib import Path

from tests.analyse.trust import limbo, test_pkits


def main(path: Path) -> None:
    """Print how often each expectation met each verdict, then every difference with its reason."""
    warnings.simplefilter("ignore")
    counts: Counter[tuple[str, str, str]] = Counter()
    differences = []
    for name, is_right, verdict, _ in limbo.judged(path):
        expected = "success" if is_right else "failure"
        counts["x509-limbo", expected, verdict] += 1
        if verdict != ("trusted" if is_right else "untrusted"):
            differences.append(("x509-limbo", name, expected, verdict, limbo.DIFFERS[name]))
    for name, is_valid in test_pkits.judge_paths().items():
        if not test_pkits.is_judged(str(name)):
            continue
        expected, verdict = (
            "success" if str(name).startswith("Valid") else "failure",
            "valid" if is_valid else "invalid",
        )
        counts["PKITS", expected, verdict] += 1
        if is_valid != str(name).startswith("Valid"):
            differences.append(("PKITS", str(name), expected, verdict, test_pkits.DIFFERS[str(name)]))
    for (suite, expected, verdict), count in sorted(counts.items()):
        print(f"{suite:<12}{expected:<10}{verdict:<12}{count:>5}")
    print()
    for suite, name, expected, verdict, reason in sorted(differences):
        print(f"{suite:<12}{name:<80}{expected:<10}{verdict:<12}{reason}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
