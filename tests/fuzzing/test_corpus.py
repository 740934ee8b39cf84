"""The kept corpus, as it is and damaged: what `wire`, `certificates` and `readers` promise holds for all of it.

`tests/benchmarks/fuzz_atheris.py` searches further by coverage.
"""

import pytest
from hypothesis import given, strategies as st

from tests.fuzzing.promises import PROMISES, read_corpus

CORPUS = {name: read_corpus(name) for name in PROMISES}


@pytest.mark.parametrize("name", PROMISES)
def test_the_kept_corpus_breaks_no_promise(name: str) -> None:
    assert len(CORPUS[name]) >= 2
    for kept in CORPUS[name]:
        PROMISES[name](kept)


@pytest.mark.parametrize("name", PROMISES)
@given(data=st.data())
def test_a_damaged_corpus_breaks_no_promise(name: str, data: st.DataObject) -> None:
    made = bytearray(data.draw(st.sampled_from(CORPUS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(made)))
        removed = data.draw(st.integers(0, 8))
        made[at : at + removed] = data.draw(st.binary(max_size=8))
    PROMISES[name](bytes(made))
