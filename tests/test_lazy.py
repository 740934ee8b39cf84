"""Names that are imported when they are first used, and former names."""

import importlib

import pytest

FORMER = {
    "toolkit.schema.Column": "toolkit.columns.Column",
    "toolkit.schema.DTYPES": "toolkit.columns.DTYPES",
    "toolkit.tables.as_instant": "toolkit.instants.zoned",
    "toolkit.tables.as_cells": "toolkit.exporting.cells.as_cells",
    "toolkit.checking.MOST_STRETCHES": "toolkit.checking.MOST_RUNS",
    "toolkit.targets.UPGRADES": "toolkit.schemes.UPGRADES",
    "toolkit.lab.Machine": "toolkit.lab.Backend",
    "toolkit.lab.Looks": "toolkit.lab.DrawnLooks",
    "toolkit.report.run_demo": "toolkit.report.demo.run_demo",
}


def find(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("former", FORMER)
def test_a_former_name_works_and_says_what_the_name_is_now(former: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"^{former} is now toolkit\."):
        found = find(former)
    assert found is find(FORMER[former])


@pytest.mark.parametrize("module", ["toolkit.lab", "toolkit.report", "toolkit.schema", "toolkit.tables"])
def test_another_name_is_an_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        find(f"{module}.nothing")
