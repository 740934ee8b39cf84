"""Fuzzes `wire`, `certificates` and `readers` by coverage, from the kept corpus.

    python -m tests.benchmarks.fuzz_atheris NAME -max_total_time=300

NAME is one of `tests.fuzzing.promises.PROMISES`; what follows goes to libFuzzer. Needs `atheris`, which is
not among the requirements. A finding is written to the working folder: mend what it shows, then add
it in hex to `tests/fuzzing/corpus/NAME.hex`, which `tests/fuzzing/test_corpus.py` replays from then on.

The inputs are in `build/fuzzing/NAME`, where the kept corpus is put first.
"""

import sys

import atheris

# Before anything else of the project: what is imported already is not instrumented.
with atheris.instrument_imports(include=["toolkit.wire", "toolkit.certificates", "toolkit.readers"]):
    from tests.conftest import ROOT
    from tests.fuzzing.promises import PROMISES, read_corpus


def main() -> None:
    """Fuzz until libFuzzer ends the process, which prints the number of inputs."""
    name, *options = sys.argv[1:]
    found = ROOT / "build" / "fuzzing" / name
    found.mkdir(parents=True, exist_ok=True)
    for number, kept in enumerate(read_corpus(name)):
        (found / f"kept-{number}").write_bytes(kept)
    atheris.Setup([sys.argv[0], str(found), *options], PROMISES[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
