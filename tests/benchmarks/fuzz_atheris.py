"""Fuzzes `wire` and `certificates` by coverage, from the kept corpus: `python -m tests.benchmarks.fuzz_atheris NAME`.

NAME is one of `tests.fuzzing.promises.PROMISES`; what follows goes to libFuzzer, such as `-max_total_time=300`. Needs
`atheris`, which is not among the requirements. A finding is written to the working folder: mend what it shows, then put
it into `tests/fuzzing/corpus/NAME`, where `tests/fuzzing/test_corpus.py` replays it from then on.

New inputs go to `build/fuzzing/NAME`; the kept corpus is only read.
"""

import sys

import atheris

from tests.conftest import ROOT

with atheris.instrument_imports(include=["toolkit.wire", "toolkit.certificates"]):
    from tests.fuzzing.promises import PROMISES


def main() -> None:
    """Fuzz until libFuzzer ends the process, which prints the number of inputs."""
    name, *options = sys.argv[1:]
    found = ROOT / "build" / "fuzzing" / name
    found.mkdir(parents=True, exist_ok=True)
    kept = ROOT / "tests" / "fuzzing" / "corpus" / name
    atheris.Setup([sys.argv[0], str(found), str(kept), *options], PROMISES[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
