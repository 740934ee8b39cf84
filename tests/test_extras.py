import sys

import pytest

import toolkit
from toolkit.errors import UsageError
from toolkit.extras import require_extras


def test_a_missing_module_is_named_with_each_extra_that_brings_it() -> None:
    with (
        pytest.raises(UsageError, match=r"^It needs the module a_missing_one, .*: pip install .*\[lab,notebooks\]'\.$"),
        require_extras("It", "lab", "notebooks"),
    ):
        import a_missing_one  # noqa: F401, PLC0415


def test_another_error_passes() -> None:
    with pytest.raises(ZeroDivisionError), require_extras("It", "lab"):
        1 / 0  # noqa: B018


def test_a_table_for_dask_names_the_extra(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    store = toolkit.Store(str(tmp_path))
    store.append(toolkit.load_example("google-mail"))
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(
        UsageError, match=r"needs the module dask, which is not installed: pip install 'tls-toolkit\[cluster\]'"
    ):
        store.to_dask("observations")
