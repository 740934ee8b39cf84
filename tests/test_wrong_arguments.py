"""The wrong thing, passed to a public function: a `UsageError` that names the fix, and suggests what was meant."""

from collections.abc import Callable
from dataclasses import replace
from inspect import get_annotations, signature
from pathlib import Path
from typing import ForwardRef

import pandas as pd
import pytest

import toolkit
from toolkit.collection.rounds import CollectOptions
from toolkit.collection.surveys.surveying import SurveyOptions
from toolkit.errors import LabError, OutputError, SchemaError, UsageError


@pytest.fixture(scope="module")
def tables() -> toolkit.Tables:
    return toolkit.load_example("web-series")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, tables: toolkit.Tables) -> toolkit.Store:
    kept = toolkit.Store(tmp_path_factory.mktemp("store") / "kept")
    kept.append(tables)
    return kept


Call = Callable[[toolkit.Tables, toolkit.Store], object]

CALLS: dict[str, tuple[Call, str]] = {
    "a path for a frame": (lambda t, s: toolkit.Tables.from_frames("x.csv"), r"observations must be a DataFrame"),
    "paths for tables": (lambda t, s: toolkit.Tables.concat(["x"]), r"read it first: toolkit\.read\('x'\)"),
    "frames in the wrong place": (
        lambda t, s: toolkit.Tables(t.support, t.support, t.support, t.support),
        r"observations lacks sample, source, outcome, which are never null: add them",
    ),
    "a frame without a column": (
        lambda t, s: replace(t, certificates=t.certificates.drop(columns="subject")),
        r"certificates lacks subject: Tables\.from_frames\(certificates=…\) adds what is missing",
    ),
    "instants as text": (
        lambda t, s: replace(t, observations=t.observations.assign(observed_at="2026-01-01")),
        r"observations\.observed_at must be datetime64\[us, UTC\], not str: Tables\.from_frames",
    ),
    "a column twice": (
        lambda t, s: replace(t, support=pd.concat([t.support, t.support[["state"]]], axis=1)),
        "support has more than one column state: keep one",
    ),
    "an option of the survey of disputes": (
        lambda t, s: toolkit.settle(t, bugdet=3),
        "settle: parameter 'bugdet' is not known. Did you mean 'budget'",
    ),
    "a word for an instant": (lambda t, s: toolkit.judge(t, "ietf", as_of="observd"), "Did you mean 'observed'"),
    "a number as an alias": (
        lambda t, s: toolkit.compare_tools(toolkit.load_example("tools-sample"), aliases={"a": 3}),
        "both as text",
    ),
    "no plan": (lambda t, s: toolkit.lab.simulate("steady", 4, None), "simulate takes SamplingPlan"),
    "a plan of numbers": (lambda t, s: toolkit.lab.SamplingPlan.every(3, None, None), r"timedelta\(days=1\), not int"),
    "tables that are not listed": (lambda t, s: toolkit.Tables.concat(t), r"in a list"),
    "a frame to append": (lambda t, s: s.append(t.observations), r"Tables\.from_frames\(observations="),
    "a path to append": (lambda t, s: s.append("x"), r"read it first"),
    "a frame for a store": (lambda t, s: toolkit.Store(t.observations), r"or a URL .*, not DataFrame"),
    "tables for a store": (lambda t, s: toolkit.collect("tls://127.0.0.1:1", t), r"not Tables"),
    "options that are text": (lambda t, s: toolkit.Store(s.path, storage_options="x"), "is a dict"),
    "a store to read": (lambda t, s: toolkit.read(s), r"store\.load\(\)"),
    "a store to ask": (lambda t, s: toolkit.find_sightings(s), r"store\.load\(\)"),
    "a path to ask": (lambda t, s: toolkit.find_sightings("x"), r"toolkit\.read\('x'\)"),
    "a format": (lambda t, s: toolkit.read("x", format="pen"), "Did you mean 'pem'"),
    "a store as a folder": (lambda t, s: t.to_csv(s), "takes the path of a folder, not Store"),
    "an example": (lambda t, s: toolkit.load_example("google-mial"), "Did you mean 'google-mail'"),
    "a target that is null": (lambda t, s: toolkit.parse_target(None), "takes text such as"),
    "a pair to connect to": (lambda t, s: toolkit.parse_target("a.test:25", connect_to=("b", 1)), "is text, host:port"),
    "a scheme": (lambda t, s: toolkit.parse_target("htps://a.test"), "Did you mean 'https'"),
    "a preset": (lambda t, s: toolkit.observe("google-mial"), "Did you mean 'google-mail'"),
    "tables as a target": (lambda t, s: toolkit.observe(t), "or preset, not Tables"),
    "a number as services": (lambda t, s: t.within(services=5), "give names such as"),
    "numbers as services": (lambda t, s: s.load(services=[5]), "give names such as"),
    "text as a limit": (lambda t, s: toolkit.Limits(connect_seconds="x"), "must be a number"),
    "text as limits": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, limits="x"),
        r"give toolkit\.Limits",
    ),
    "text as samples": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, samples="2"),
        r"samples='2': must be a whole number",
    ),
    "a number as offers": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, offers=5),
        r"offers=5: give the name of an offer",
    ),
    "a misspelt offer": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, offers="any2"),
        r"Did you mean 'any'",
    ),
    "a number as ehlo": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, ehlo=5),
        r"cannot be given by EHLO",
    ),
    "text as clock": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, clock="now"),
        r"clock='now': give a function",
    ),
    "a number as parts": (
        lambda t, s: toolkit.survey("tls://127.0.0.1:1", parts=5, progress=False),
        r"give one or a list of",
    ),
    "text as budget": (
        lambda t, s: toolkit.estimate_survey("tls://127.0.0.1:1", budget="x"),
        r"budget='x': must be a number",
    ),
    "text as rounds": (
        lambda t, s: toolkit.watch("tls://127.0.0.1:1", s, every="1h", rounds="1"),
        r"rounds='1': must be a whole number",
    ),
    "numbers as frames": (lambda t, s: toolkit.Tables(1, 2, 3, 4), r"observations must be a DataFrame, not int"),
    "text as history": (
        lambda t, s: toolkit.check(t, now="2026-01-01T00:00Z", roots="certifi", policy="ietf", history="no"),
        r"history='no': must be True or False",
    ),
    "a window that ends first": (
        lambda t, s: t.within(since="2026-01-01T00:00Z", until="2025-01-01T00:00Z"),
        r"exchange the two",
    ),
    "a store's window that ends first": (
        lambda t, s: s.load(since="2026-01-01T00:00Z", until="2025-01-01T00:00Z"),
        r"exchange the two",
    ),
    "a misspelt service": (
        lambda t, s: t.within(services="https://akamia.com:443"),
        r"Did you mean 'https://akamai.com:443'",
    ),
    "tables as roots": (lambda t, s: toolkit.verify_chains(t, roots=t), r"roots: Tables cannot be used; give the name"),
    "tables as a policy": (lambda t, s: toolkit.judge(t, t), r"policy: give the name .*, not Tables\."),
    "no policy": (lambda t, s: toolkit.judge(t, None), r"policy: give the name .*, not None\."),
    "no tables to ask": (lambda t, s: toolkit.find_sightings(None), r"takes Tables, not None:"),
    "no tables to join": (lambda t, s: toolkit.Tables.concat(None), r"in a list"),
    "a path to find rotations in": (
        lambda t, s: toolkit.find_rotations("a.csv"),
        r"read it first: toolkit.read\('a.csv'\)",
    ),
    "text for rotations": (lambda t, s: toolkit.describe_rotations("x", t), r"what find_rotations returns, not str"),
    "another frame for rotations": (
        lambda t, s: toolkit.describe_rotations(t.certificates, t),
        r"what find_rotations returns; this frame has no column service",
    ),
    "text for verdicts": (
        lambda t, s: toolkit.describe_chains("x", t, roots="certifi"),
        r"what verify_chains or replay_trust returns, not str",
    ),
    "verdicts without their roots": (
        lambda t, s: toolkit.describe_chains(toolkit.verify_chains(t, roots=toolkit.lab.Lab().roots), t),
        r"give roots=",
    ),
    "text for checks": (lambda t, s: toolkit.checking.count_services("x"), r"takes what check returns, not str"),
    "text for a baseline": (
        lambda t, s: toolkit.checking.write_baseline("x", "b.json", until="2027-01-01T00:00Z", now="2026-01-01T00:00Z"),
        r"write_baseline takes what check returns, not str",
    ),
    "a number for aliases": (
        lambda t, s: toolkit.compare_tools(toolkit.load_example("tools-sample"), aliases=3),
        r"aliases=3: give a dict",
    ),
    "a store of a store": (lambda t, s: toolkit.Store(s), r"is a Store already"),
    "a target without a host": (lambda t, s: toolkit.Target("smtp", None, 25), r"host=None\): give a host name"),
    "a target whose port is text": (lambda t, s: toolkit.Target("smtp", "a.test", "25"), r"port='25'\): give a whole"),
    "a target of a misspelt scheme": (lambda t, s: toolkit.Target("smpt", "a.test", 25), r"Did you mean 'smtp'"),
    "text as blocked hosts": (lambda t, s: toolkit.Limits(blocked="a.test"), r"give a tuple of names and networks"),
    "no samples": (
        lambda t, s: toolkit.observe("tls://127.0.0.1:1", progress=False, samples=None),
        r"samples=None: must be a whole number",
    ),
    "a number as columns": (lambda t, s: toolkit.chart.tabulate(t.observations, columns=5), r"write a list of names"),
    "no facts of a certificate": (lambda t, s: toolkit.certificates.describe_certificate(None), r"a dict of columns"),
    "no names of services": (
        lambda t, s: toolkit.checking.list_services(None),
        r"Series such as name_services\(checks\), not None",
    ),
    "no rows to name": (lambda t, s: toolkit.checking.name_services(None), "name_services takes what check, or"),
    "no checks and no baseline": (lambda t, s: toolkit.checking.find_gone(None, None), "takes what check returns, not"),
    "no scope": (lambda t, s: toolkit.checking.describe_in_service(None), "takes InService, not None"),
    "no tables to describe": (lambda t, s: toolkit.checking.describe_scope(None), "takes Tables, not None"),
    "no tables that were reached": (lambda t, s: toolkit.checking.was_reached(None), "takes Tables, not None"),
    "no schedule": (lambda t, s: toolkit.lab.tell_truth(None), "tell_truth takes Schedule, not None"),
    "no plan of looks": (lambda t, s: toolkit.lab.draw_looks(None, 1, None), "draw_looks takes Schedule, not None"),
    "no suite": (lambda t, s: toolkit.reference.find_suite(None), "find_suite takes str, not None"),
    "no path": (lambda t, s: toolkit.readers.read(None), "takes one path .* not None"),
    "no path to recognise": (lambda t, s: toolkit.readers.find_format_of(None), "takes one path .* not None"),
    "a misspelt basis": (lambda t, s: toolkit.find_rotations(t, basis="nams"), "Did you mean 'names'"),
    "a misspelt key": (lambda t, s: toolkit.estimate_shares(t, by="adress"), "Did you mean 'address'"),
    "misspelt intermediates": (
        lambda t, s: toolkit.verify_chains(t, roots="certifi", intermediates="hold"),
        "Did you mean 'held'",
    ),
    "a misspelt policy": (lambda t, s: toolkit.judge(t, "mozila"), "Did you mean 'mozilla-intermediate' or"),
    "a misspelt table": (lambda t, s: s.to_dask("round"), "Did you mean 'rounds'"),
    "an unknown table": (lambda t, s: toolkit.schema.empty("observation"), "Did you mean 'observations'"),
    "rows of an unknown table": (lambda t, s: toolkit.schema.frame("observation", []), "Did you mean 'observations'"),
    "an unknown table in Arrow": (lambda t, s: toolkit.schema.arrow_schema("supports"), "Did you mean 'support'"),
    "a frame of an unknown table": (lambda t, s: toolkit.schema.conform("round", t.rounds), "Did you mean 'rounds'"),
    "a table to check": (lambda t, s: toolkit.schema.check("round", t.rounds), "Did you mean 'rounds'"),
    "a table to complete": (lambda t, s: toolkit.schema.complete("round", t.rounds), "Did you mean 'rounds'"),
    "text for a frame": (lambda t, s: toolkit.schema.conform("rounds", "x"), "schema.conform takes DataFrame, not str"),
    "text for rows": (
        lambda t, s: toolkit.schema.frame("rounds", "x"),
        r"schema.frame takes list such as \[\{column: value\}\], not str",
    ),
    "text to describe": (lambda t, s: toolkit.checking.describe("x"), "describe takes what check returns, not str"),
    "checks that lack a column": (
        lambda t, s: toolkit.checking.describe(t.observations),
        "describe takes what check returns; this frame has no column check",
    ),
    "text to render": (
        lambda t, s: toolkit.checking.render("x", "sarif", now="2026-01-01T00:00Z", source="x"),
        "render takes what check returns, not str",
    ),
    "text to judge": (
        lambda t, s: toolkit.checking.find_in_service("x", now="2026-01-01T00:00Z"),
        "find_in_service takes Tables",
    ),
    "a number as a scenario": (lambda t, s: toolkit.lab.Lab(3), "its name or a Schedule, not int"),
    "a misspelt scenario": (lambda t, s: toolkit.lab.Lab("stuck-machin"), "Did you mean 'stuck-backend'"),
    "a number for a panel": (lambda t, s: toolkit.LabPanel(3), "its name or a Schedule, not int"),
    "a parameter that watch lacks": (
        lambda t, s: toolkit.watch("tls://127.0.0.1:1", s, every="1h", sample=2),
        r"watch: parameter 'sample' is not known\. Did you mean 'samples'",
    ),
    "the address of a cluster to ask": (
        lambda t, s: toolkit.ask(s, toolkit.find_rotations, client="tcp://127.0.0.1:1"),
        r"client='tcp://127.0.0.1:1': give a distributed\.Client",
    ),
    "the address of a cluster to collect": (
        lambda t, s: toolkit.collect("tls://127.0.0.1:1", s, client="tcp://127.0.0.1:1", progress=False),
        r"client='tcp://127.0.0.1:1': give a distributed\.Client",
    ),
    "the address of a cluster to survey": (
        lambda t, s: toolkit.survey("tls://127.0.0.1:1", store=s, client="tcp://127.0.0.1:1", progress=False),
        r"client='tcp://127.0.0.1:1': give a distributed\.Client",
    ),
    "something else than a client to watch": (
        lambda t, s: toolkit.watch("tls://127.0.0.1:1", s, every="1h", client=5),
        r"client=5: give a distributed\.Client",
    ),
    "text as settle": (
        lambda t, s: toolkit.collect("tls://127.0.0.1:1", s, settle="yes"),
        "settle='yes': must be True or False",
    ),
    "text as sticky": (lambda t, s: toolkit.find_rotations(t, sticky="x"), "sticky='x': must be True or False"),
    "text as exclusive": (lambda t, s: s.compact(exclusive="no"), "exclusive='no': must be True or False"),
    "a misspelt part": (
        lambda t, s: toolkit.estimate_survey("tls://127.0.0.1:1", parts=["suits"]),
        "part 'suits' is not known. Did you mean 'suites'",
    ),
    "a policy's file that is not there": (lambda t, s: toolkit.judge(t, "/no/rules.csv"), "rules.csv does not exist"),
    "a number as round": (lambda t, s: s.has_round(5), "A round is named by text"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_error_names_the_fix(name: str, tables: toolkit.Tables, store: toolkit.Store) -> None:
    call, said = CALLS[name]
    with pytest.raises(UsageError, match=said) as raised:
        call(tables, store)
    assert len(str(raised.value)) < 400


def test_a_misspelt_column_gets_a_suggestion(tables: toolkit.Tables) -> None:
    with pytest.raises(SchemaError, match=r"no column 'servce'\. Did you mean 'service'\?"):
        toolkit.Tables.from_frames(tables.observations.rename(columns={"service": "servce"}))
    with pytest.raises(UsageError, match="Did you mean 'service'"):
        toolkit.chart.tabulate(tables.observations, columns=["servce"])


def test_targets_limit_like_their_names(tables: toolkit.Tables, store: toolkit.Store, tmp_path: Path) -> None:
    target = toolkit.parse_target("https://akamai.com")
    expected = len(tables.within(services="https://akamai.com:443").observations)
    assert expected > 0
    for services in (target, [target], {"https://akamai.com:443"}):
        assert len(tables.within(services=services).observations) == expected
        assert len(store.load(services=services).observations) == expected
    ended = toolkit.collect("tls://127.0.0.1:1", tmp_path / "by-path", progress=False)
    assert toolkit.Store(tmp_path / "by-path").has_round(str(ended["round"]))


def test_a_service_without_rows_is_refused_in_tables_and_has_none_in_a_store(
    tables: toolkit.Tables, store: toolkit.Store
) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'https://akamai\.com:443'"):
        tables.within(services="https://akamia.com:443")
    loaded = store.load(services="https://akamia.com:443")
    assert [len(loaded.observations), len(loaded.support), len(loaded.certificates), len(loaded.rounds)] == [0, 0, 0, 0]


def test_a_misspelt_scenario_or_parameter_gets_a_suggestion() -> None:
    for call in (lambda: toolkit.lab.Lab("yaer"), lambda: toolkit.lab.scenario("yaer", backends=2)):
        with pytest.raises(LabError, match="Did you mean 'year'"):
            call()
    with pytest.raises(LabError, match="its name or a Schedule, not None: write Lab"):
        toolkit.lab.Lab(None)
    with pytest.raises(LabError, match="seed='x': must be a whole number"):
        toolkit.lab.Lab("year", seed="x")
    with pytest.raises(LabError, match="Did you mean 'backends'"):
        toolkit.lab.scenario("year", bakends=2)


def test_a_chart_names_the_column_that_a_frame_lacks(tables: toolkit.Tables) -> None:
    rotations = toolkit.find_rotations(tables)
    for column in ("key_type", "successor_not_after", "is_ambiguous"):
        with pytest.raises(UsageError, match=f"has no column {column}: call toolkit.find_rotations"):
            toolkit.chart.plot_rotations(rotations.drop(columns=column))


def test_an_export_that_cannot_be_written_is_an_output_error(tables: toolkit.Tables, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(OutputError, match="cannot be written"):
            tables.to_csv(path)
    with pytest.raises(OutputError, match="cannot be written"):
        tables.to_json(tmp_path / "file" / "x.json")


@pytest.mark.parametrize(
    ("options", "call", "of_caller"),
    [(CollectOptions, toolkit.collect, toolkit.watch), (SurveyOptions, toolkit.survey, toolkit.settle)],
)
def test_options_that_are_passed_on_are_those_of_the_function(
    options: type, call: Callable[..., object], of_caller: Callable[..., object]
) -> None:
    own = {*signature(of_caller).parameters, "parts", "client"}
    theirs = {name: given.annotation for name, given in signature(call).parameters.items() if name not in own}
    assert get_annotations(options) == theirs | {"client": ForwardRef("Client | None", module=call.__module__)}
