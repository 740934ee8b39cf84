"""The pages that are made from the code: every public name, command, chart, policy and offer has its place."""

import argparse
import re
from pathlib import Path

import pytest

import toolkit
from notebooks.book import api, charts, columns, command_line, facts
from notebooks.book.source import HERE
from tests.test_examples import PUBLIC
from toolkit.cli.options import make_parser
from toolkit.reference import offers
from toolkit.reference.rules import policies


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return api.pages()


def test_every_public_name_has_a_page(pages: dict[str, str]) -> None:
    for name in api.own_pages() | {f"toolkit.{module}": None for module in toolkit.MODULES}:
        assert pages[f"reference/api/{name}.md"].startswith("# "), name


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_callable_is_described_once(name: str, pages: dict[str, str]) -> None:
    words = name.removeprefix("toolkit.")
    owner, _, member = words.rpartition(".")
    is_method = owner.rpartition(".")[2][:1].isupper()
    wanted = (
        rf"\{{py:(?:method|property)\}} {member}\b"
        if is_method
        else rf"\{{py:\w+\}} toolkit\.{re.escape(words)}(?![\w.])"
    )
    described = [page for page in pages.values() if re.search(wanted, page)]
    assert described, f"{name} has no description"
    if not is_method:
        assert len(described) == 1


def test_the_overview_leads_to_every_page(pages: dict[str, str]) -> None:
    overview = pages["reference/api/index.md"]
    for path in pages:
        name = path.removeprefix("reference/api/").removesuffix(".md")
        assert name == "index" or f"({name}.md)" in overview, name


def test_a_docstring_becomes_markdown() -> None:
    page = api.pages()["reference/api/find_sharing.md"]
    assert "```pycon\n>>> import toolkit\n" in page
    assert "| `shared` | string |" in page
    assert "find_sharing(tables: Tables) -> DataFrame" in page


def test_every_command_is_documented_by_its_own_help() -> None:
    made = command_line.pages()
    parser = make_parser()
    (known,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name in known.choices:
        documented = [page for path, page in made.items() if path.startswith(f"reference/command-line/{name}")]
        assert documented, name
    for name, page in (
        (name, made[f"reference/command-line/{name.replace(' ', '-')}.md"]) for name in command_line.commands()
    ):
        assert command_line.help_of(command_line.commands()[name]) in page
        assert f"usage: tls-toolkit {name} " in page


def test_every_column_has_a_row() -> None:
    page = columns.pages()[columns.PAGE]
    for frame, described in columns.frames().items():
        for column in described:
            (row,) = re.findall(rf"(?m)^\| `{column.name}` \|.*$", page)
            assert frame in row


def test_the_statistics_name_columns_that_exist() -> None:
    text = (HERE / "pages" / "explanation" / "statistics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:is|has)_\w+|\w+_(?:at|days|below))`", text))
    tables = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    known = {column.name for described in columns.frames().values() for column in described}
    known |= {*toolkit.find_rotations(tables), *toolkit.estimate_shares(tables, window="30D")}
    assert len(named) > 10
    assert named <= known


def test_columns_of_one_name_have_one_dtype() -> None:
    found: dict[str, dict[str, str]] = {}
    for frame, described in columns.frames().items():
        for column in described:
            found.setdefault(column.name, {})[frame] = column.dtype
    assert {name: places for name, places in found.items() if len(set(places.values())) > 1} == {}


def test_every_rule_and_offer_has_its_place() -> None:
    made = facts.pages()
    for name, rules in policies().items():
        assert f"\n## {name}\n" in made["reference/policies.md"]
        for rule in rules:
            assert f"| `{rule.rule}` | {rule.level} |" in made["reference/policies.md"]
    for offer in offers().values():
        assert f"\n## {offer.name}\n" in made["reference/offers.md"]


def test_every_chart_is_in_the_gallery() -> None:
    shown = {charts.function_of(script) for script in charts.scripts()}
    assert shown == {name for name in toolkit.chart.__all__ if name.startswith("plot_")}


@pytest.mark.parametrize("script", charts.scripts(), ids=lambda script: script.stem)
def test_a_script_of_the_gallery_is_named_after_what_it_draws(script: Path) -> None:
    """The site's build draws them and refuses an empty chart."""
    line = f"ax = toolkit.chart.{charts.function_of(script)}("
    assert line in script.read_text(encoding="utf-8")
    page = charts.pages()[f"gallery/{script.stem}.md"]
    assert line in page
    assert f"({script.stem}.png){{.only-light}}" in page
    assert f"({script.stem}-dark.png){{.only-dark}}" in page


def test_an_empty_chart_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plot_nothing.py").write_text("import matplotlib.pyplot as plt\n\nax = plt.figure().subplots()\n")
    monkeypatch.setattr(charts, "SCRIPTS", tmp_path)
    with pytest.raises(ValueError, match=r"plot_nothing.py draws an empty chart"):
        charts.draw(tmp_path)
