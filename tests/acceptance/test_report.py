"""The report: one page that loads nothing, made of whatever a source holds."""

import html
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from nbclient.exceptions import DeadKernelError

import toolkit
from tests.acceptance.pages import Page, assert_it_loads_nothing
from tests.analyse.made import certificate, look, tables
from tests.conftest import ROOT, not_on_windows
from tests.notebooks.pages import code_cells, is_parameters, run
from toolkit.cli import main
from toolkit.errors import ReadError, UsageError
from toolkit.lab import Lab
from toolkit.report import summary, write_report
from toolkit.report.comparison import find_differences
from toolkit.report.layout import template
from toolkit.report.pages import read_day
from toolkit.report.parts import draw_strips
from toolkit.report.printing import BROWSERS, find_browser, print_page
from toolkit.tables import as_pem

NOTEBOOK = ROOT / "notebooks" / "report.ipynb"
GOOGLE, WEB = ROOT / "data" / "google-mail", ROOT / "data" / "web-series"
SECTIONS = [
    "Summary", "Findings", "Scope", "Services", "Rotations", "Expiry", "Ciphers", "Trust", "Rules", "Not tested",
    "Method", "Fingerprints",
]  # fmt: skip


def report(source: Path, output: Path, *words: str) -> Page:
    assert main(["report", str(source), "--output", str(output), *words]) == 0
    page = Page(output)
    assert_it_loads_nothing(page)
    shown = {attributes.get("data-mime-type") for _, attributes in page.tags}
    assert not {"application/vnd.jupyter.stderr", "application/vnd.jupyter.error"} & shown
    return page


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of some rounds of a lab year, and the lab's roots as PEM."""
    folder = tmp_path_factory.mktemp("lab")
    store = toolkit.Store(folder / "store")
    with Lab("year", seed=12) as running:
        (folder / "roots.pem").write_text("".join(as_pem(der) for der in running.roots))
        for _ in range(8):
            toolkit.collect(running.targets, store, samples=2, clock=running.clock, progress=False)
            running.clock.advance(timedelta(days=12))
    return folder / "store", folder / "roots.pem"


def run_calls(page: Page) -> list[object]:
    """What the calls below the figures and tables of a report give, after the lines of its section on method."""
    (lines,) = re.findall(r"<p>To make a figure again.*?<pre>(.*?)</pre>", page.source, re.DOTALL)
    names: dict[str, object] = {}
    exec(html.unescape(lines), names)
    calls = dict.fromkeys(re.findall(r'<p class="trace">.*?<code>(.*?)</code>', page.source))
    return [eval(html.unescape(call), names) for call in calls]


def charts(said: list[str]) -> list[str]:
    """The text alternatives of the charts."""
    return [words for words in said if words.startswith("Chart: ")]


def make_hostile(folder: Path) -> None:
    """Files that Python, IPython, matplotlib and nbconvert take from the current folder, if they are let."""
    for module in ("pandas", "certifi", "ipykernel_launcher", "IPython", "sitecustomize"):
        (folder / f"{module}.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    (folder / "matplotlibrc").write_text("backend: a backend that does not exist\n")
    (folder / "lab").mkdir()
    (folder / "lab" / "index.html.j2").write_text("<script>alert(1)</script>")


@pytest.mark.timeout(180)
def test_recorded_mail_becomes_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")  # which must not cost the page its charts
    make_hostile(tmp_path)
    monkeypatch.chdir(tmp_path)
    page = report(GOOGLE, tmp_path / "report.html", "--policy", "google-help", "--now", "2026-01-01")
    titles = [words.strip() for words in page.words if words.strip() in SECTIONS]
    assert list(dict.fromkeys(titles)) == SECTIONS
    assert sum(tag == "figure" for tag, _ in page.tags) == 6
    assert "64 looks at 12 services, 3 without a service" in page.text
    assert "they say nothing about real servers" not in page.text
    assert "TLS 1.2 is the highest version 2013-04-05 contradicted" in page.text
    services = re.search(r"smtp://smtp.gmail.com:587 (\S+) \S+ (\S+) \S+ TLS 1.3", page.text)
    assert services, "the latest look is dated by bounds"
    assert services.groups() == ("2025-10-01", "2025-10-04")
    assert "tabulate(" not in page.text, "code is hidden"
    assert "TLS report: google-mail" in page.text
    assert read_day(tmp_path / "report.html") == "2026-01-01T00:00:00+00:00"
    assert not (tmp_path / "ran").exists(), "a file of the current folder was executed"
    made = run_calls(page)
    assert sum(isinstance(one, Axes) for one in made) == 6
    assert all(len(one) for one in made if isinstance(one, pd.DataFrame))
    assert {type(one) for one in made} <= {pd.DataFrame, Axes}
    assert len(summary.find_latest(toolkit.load_example("google-mail"))) == 10
    plt.close("all")


@pytest.mark.timeout(180)
def test_a_lab_store_says_lab_and_is_trusted_with_its_roots(lab: tuple[Path, Path]) -> None:
    store, roots = lab
    tables = toolkit.read(store)
    now, last = "2026-02-20T00:00:00+00:00", tables.observations["observed_at"].max()
    before = toolkit.checking.find_known(tables, now=now).observations["observed_at"].max()
    said, titles = run(NOTEBOOK, SOURCE=str(store), ROOTS=str(roots), NOW=now, POLICY="ietf")
    text = " ".join(said)
    assert f"to {before:%Y-%m-%d}" in text
    assert f"{last:%Y-%m-%d}" not in text, "nothing that was seen after the day of the report is in it"
    assert titles == [], "each chart is a picture in the page, and its figure is closed"
    assert "(lab data)" in text
    assert "they say nothing about real servers" in text
    assert charts(said)
    assert all("lab data" in words for words in charts(said))
    assert re.search(r"rotations, seen in the looks", text)
    assert re.search(r"\btrusted\b", text)
    assert "untrusted" not in text


def test_a_recorded_series_is_recognised_by_its_tables() -> None:
    said, _ = run(NOTEBOOK, SOURCE=str(WEB), POLICY="baseline", NOW="2026-03-22T00:00:00+00:00")
    text = " ".join(said)
    kept = toolkit.read(WEB)
    assert f"{len(kept.observations)} looks at {kept.observations['service'].nunique()} services" in text
    assert f"{len(toolkit.find_rotations(kept))} rotations, seen in the looks" in text
    assert charts(said)
    assert all("recorded data" in words for words in charts(said))
    assert "they say nothing about real servers" not in text


def test_a_report_on_a_time_is_about_that_time() -> None:
    since, until = "2013-01-01T00:00:00+00:00", "2014-01-01T00:00:00+00:00"
    kept = toolkit.read(GOOGLE, since=datetime.fromisoformat(since), until=datetime.fromisoformat(until))
    text = " ".join(run(NOTEBOOK, SOURCE=str(GOOGLE), SINCE=since, UNTIL=until)[0])
    assert 0 < len(kept.observations) < len(toolkit.read(GOOGLE).observations)
    assert f"{len(kept.observations)} looks at {kept.observations['service'].nunique()} service" in text
    assert "Observations since 2013-01-01 00:00 UTC and before 2014-01-01 00:00 UTC. In service" in text
    nothing = " ".join(run(NOTEBOOK, SOURCE=str(WEB), SINCE="2030-01-01T00:00:00+00:00")[0])
    assert re.search(r"\b0 looks at 0 services", nothing)


def test_a_store_of_failures_is_reported_as_such(tmp_path: Path) -> None:
    store = toolkit.Store(tmp_path / "failed")
    target = toolkit.parse_target("smtp://nobody.test:25", connect_to="127.0.0.1:1")
    toolkit.collect(target, store, progress=False)
    said, _ = run(NOTEBOOK, SOURCE=str(tmp_path / "failed"), NOW="2100-01-01T00:00:00+00:00")
    text = " ".join(said)
    assert "1 of 1 look failed; 1 of 1 service never answered." in text
    assert "port_closed" in text
    assert "No rotation is on record." in text
    assert charts(said) == [], "there is nothing to draw"


@pytest.mark.timeout(180)
def test_hostile_text_stays_text_in_the_page_in_a_browser_and_in_the_tables(tmp_path: Path) -> None:
    script, escape = "<script>alert(1)</script>", chr(27) + "[2J"
    shown = tables(
        [look("aa", "2026-01-02", service=f"https://{script}:443", host=f"{escape}$x$", protocol="TLS 1.0")],
        [certificate("aa", "2026-01-01", "2026-01-03", subject=f"CN={script}", issuer="CN=<img src=x onerror=y>")],
    )
    toolkit.Store(tmp_path / "store").append(shown)
    page = report(
        tmp_path / "store",
        tmp_path / "report.html",
        "--title",
        f"</title>{script}",
        "--now",
        "2026-01-02",
        "--policy",
        "ietf",
        "--tables",
        str(tmp_path / "tables"),
    )
    assert script in page.text
    assert escape not in page.source
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "tables").iterdir()}
    assert {Path(name).suffix for name in written} == {".csv", ".md", ".tex"}
    assert script in written["certificates.csv"]
    assert r"\<script\>alert\(1\)" in written["certificates.md"]
    assert r"\textless{}script\textgreater{}" in written["certificates.tex"]
    assert not [name for name, words in written.items() if escape in words]
    if any(map(shutil.which, BROWSERS)):
        assert print_page(page.source, browser=find_browser()).startswith(b"%PDF-")
        assert set(tags_in_browser(tmp_path / "report.html")) <= {tag for tag, _ in page.tags} | {"tbody", "wbr"}


def tags_in_browser(page: Path) -> list[str]:
    """The tags of the page as a browser parsed it, after scripts had the chance to run."""
    profile = page.with_name("profile")
    command = [
        find_browser(),
        "--headless",
        "--disable-gpu",
        "--no-sandbox",
        f"--user-data-dir={profile}",
        "--dump-dom",
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    seen = page.with_name("seen.html")
    seen.write_text(done.stdout, encoding="utf-8")
    assert "<h1" in done.stdout
    return [tag for tag, _ in Page(seen).tags]


def test_without_a_browser_a_pdf_is_refused_before_anything_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("toolkit.report.printing.shutil.which", lambda _: None)
    monkeypatch.setattr("papermill.execute_notebook", pytest.fail)
    assert main(["report", str(GOOGLE), "--output", str(tmp_path / "report.pdf")]) == 74
    assert "A PDF is printed by Chromium, Chrome or Edge" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_page_is_printed_on_the_paper_that_was_asked_for() -> None:
    assert "size: letter" in template("letter")
    assert "size: A4" in template()
    with pytest.raises(UsageError, match="Known: a4, letter"):
        write_report(GOOGLE, "r.html", now="2026-01-01T00:00:00Z", policy="ietf", roots="certifi", paper="a5")


def test_the_summary_counts_findings_and_the_certificates_that_were_judged() -> None:
    """Two services observed now, and one whose certificate was already expired when last observed, a year ago."""
    new = {"service": "smtp://a:25", "host": "a", "server_name": "a"}
    old = {name: value.replace("a", "old") for name, value in new.items()}
    looks = [look("aa", "2026-01-31", **new), look("aa", "2026-01-31", **new | {"service": "smtp://a:465"}),
             look("bb", "2025-01-31", **old)]  # fmt: skip
    given = tables(
        looks, [certificate("aa", "2025-11-01", "2026-02-10"), certificate("bb", "2024-01-01", "2025-01-01")]
    )
    now = pd.Timestamp("2026-02-01T00:00Z")
    checks = toolkit.check(given, now=now, roots="certifi", policy="ietf")
    expiry, grouped = toolkit.summarise_expiry(given, now=now), toolkit.checking.group_findings(checks)
    assert expiry["state"].tolist().count("expired") == 1, "of the service that was not observed since"
    said = summary.summarise(checks, grouped, given, expiry, now).words
    assert said.startswith("0 critical; 0 high; 2 medium; 0 low; ")
    assert "2 findings of 1 kind, at 2 services." in said
    counts = "0 expired, 0 not yet valid, 1 expiring, 0 replacing, 0 valid"
    assert f"1 certificate in service on 2026-02-01, by the last looks: {counts}." in said
    assert grouped["findings"].tolist() == [2]


def test_a_tall_chart_is_cut_between_its_rows() -> None:
    ends = pd.date_range("2026-03-01", periods=60, freq="D", tz="UTC", unit="us")
    hosts = [f"mx{n}.example" for n in range(len(ends))]
    rows = pd.DataFrame({
        "service": [f"smtp://{host}:25" for host in hosts], "host": hosts, "server_name": hosts, "key_type": "RSA",
        "leaf_sha256": hosts, "not_before": ends - pd.Timedelta(days=90), "not_after": ends, "state": "valid",
        "days_left": (ends - pd.Timestamp("2026-02-01T00:00Z")) / pd.Timedelta(days=1), "renew_by_at": pd.NaT,
    })  # fmt: skip
    strips = [plt.imread(BytesIO(strip)) for strip in draw_strips(toolkit.chart.plot_expiry(rows))]
    assert len(strips) > 3
    assert {strip.shape[1] for strip in strips} == {strips[0].shape[1]}
    assert max(np.ptp(strip[0, :, :3], axis=1).max() for strip in strips[1:]) < 0.1, "a bar was cut"
    assert np.ptp(strips[1][..., :3], axis=2).max() > 0.1, "bars have a colour"
    assert len(draw_strips(toolkit.chart.plot_expiry(rows[:9]))) == 1
    plt.close("all")


def test_a_certificate_of_several_slots_counts_once_as_its_worst_state() -> None:
    in_use = pd.DataFrame({"leaf_sha256": ["aa", "aa", "bb", "cc"], "state": ["valid", "replacing", "valid", "valid"]})
    said = summary.describe_states(in_use, now=pd.Timestamp("2026-02-01T00:00Z")).words
    assert said.startswith("3 certificates in service on 2026-02-01")
    assert said.endswith("0 expiring, 1 replacing, 2 valid.")


def test_certificates_of_one_end_are_listed_by_service() -> None:
    """Enough rows that an unstable sort would change their order."""
    services = [f"smtp://mx.s{n:02}.test:25" for n in range(80)]
    ends = pd.Timestamp("2026-02-01T00:00Z")
    in_use = pd.DataFrame({"service": services, "state": "expiring", "not_after": ends})
    in_use = pd.concat([in_use, in_use.tail(1).assign(service="first", not_after=ends - pd.Timedelta(days=1))])
    assert summary.find_ending(in_use)["service"].tolist() == ["first", *services]


def test_chains_that_fail_alike_are_one_row() -> None:
    reasons = ["leaf: it expired on 2026-09-05T23:07:08Z", "leaf: it expired on 2026-09-06T01:00:00Z", None]
    reasons += [f"leaf: it does not name mx{n}.example; root: it is not trusted" for n in range(3)]
    trust = pd.DataFrame({"verdict": "untrusted", "reason": reasons, "evidence_count": 1})
    rows = summary.group_trust(trust.astype({"reason": "string"}))
    alike = ["leaf: it does not name …; root: it is not trusted", "leaf: it expired on …", "-"]
    assert rows["reason"].fillna("-").tolist() == alike
    assert rows["chains"].tolist() == [3, 2, 1]


def test_a_comparison_says_what_changed_and_a_later_day_is_refused() -> None:
    kept = toolkit.load_example("lab-sample").within(services=["smtp://legacy.lab.test:25", "https://www.lab.test:443"])
    since, rules = datetime.fromisoformat("2025-08-01T00:00:00+00:00"), {"roots": "certifi", "policy": "ietf"}
    checks = toolkit.check(kept, now="2026-01-24T00:00:00Z", **rules)
    changes = find_differences(kept, checks, since=since, now="2026-01-24T00:00:00Z", **rules)
    lost = changes[changes["change"] == "protocol lost"]
    assert list(lost["what"]) == ["SSL 3.0, TLS 1.0, TLS 1.1"]
    assert list(lost["services"]) == ["smtp://legacy.lab.test:25"]
    assert "critical: expired (expiry)" in set(changes.loc[changes["change"] == "finding appeared", "what"])
    same = toolkit.check(kept.within(until=since), now=since, **rules)
    assert not find_differences(kept, same, since=since, now=since, **rules)["change"].str.startswith("finding").any()
    with pytest.raises(UsageError, match="is not before now"):
        write_report(GOOGLE, "r.html", now="2026-01-01T00:00:00Z", since_report="2026-01-01T00:00:00Z", **rules)


def test_a_comparison_ends_at_the_day_of_the_report() -> None:
    """On 2026-01-06 www.lab.test showed its next certificate."""
    kept = toolkit.load_example("lab-sample").within(services="https://www.lab.test:443")
    rules = {"roots": "certifi", "policy": "ietf"}
    since, found = "2025-12-20T00:00:00Z", {}
    for now in ("2026-01-03T00:00:00Z", "2026-01-24T00:00:00Z"):
        changes = find_differences(kept, toolkit.check(kept, now=now, **rules), since=since, now=now, **rules)
        found[now] = "certificate rotated" in set(changes["change"])
    assert list(found.values()) == [False, True]


def test_an_earlier_report_says_its_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, words = tmp_path / "old.html", ["report", str(GOOGLE), "--now", "2026-01-01", "--since-report"]
    page.write_text('<title>t</title><meta content="2026-02-01T00:00:00+00:00" name="tls-toolkit-report-day"/>')
    assert main([*words, str(page)]) == 2
    assert "since_report=2026-02-01T00:00:00+00:00 is not before now" in capsys.readouterr().err
    page.write_bytes(b" " * 100_000 + page.read_bytes())
    assert main([*words, str(page)]) == 2
    assert "does not say its day" in capsys.readouterr().err
    page.write_text('<meta name="tls-toolkit-report-day" content="2026-99-01"/>')
    assert main([*words, str(page)]) == 2
    assert "since_report='2026-99-01' is not an instant" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "missing.html")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_a_finding_about_a_service_that_was_not_observed_since_has_not_ended() -> None:
    """Until 2025-08-01 two services were observed, afterwards only the one without a finding."""
    legacy, submit = "smtp://legacy.lab.test:25", "smtps://submit.lab.test:465"
    kept = toolkit.load_example("lab-sample").within(services=[legacy, submit])
    since, rules = datetime.fromisoformat("2025-08-01T00:00:00+00:00"), {"roots": "certifi", "policy": "ietf"}
    later = toolkit.Tables.concat([kept.within(until=since), kept.within(since=since, services=submit)])
    checks = toolkit.check(later, now="2026-01-24T00:00:00Z", **rules)
    changes = find_differences(later, checks, since=since, now="2026-01-24T00:00:00Z", **rules)
    assert set(changes.loc[changes["services"].str.contains("legacy"), "change"]) == {"finding not judged again"}


def test_a_finding_of_a_survey_has_not_appeared_where_there_was_no_survey_before() -> None:
    legacy, since = "smtp://legacy.lab.test:25", datetime.fromisoformat("2026-01-20T00:00:00+00:00")
    kept = toolkit.load_example("lab-sample").within(services=legacy)
    asked = kept.support[kept.support["observed_at"] > since]
    kept = toolkit.Tables.from_frames(kept.observations, kept.certificates, asked)
    rules = {"roots": "certifi", "policy": "ietf"}
    checks = toolkit.check(kept, now="2026-01-24T00:00:00Z", **rules)
    changes = find_differences(kept, checks, since=since, now="2026-01-24T00:00:00Z", **rules)
    assert changes[["change", "what"]].to_numpy().tolist() == [
        ["finding not judged before", "low: falls short (ietf, forward-secrecy)"]
    ]


def test_nothing_to_read_is_said_and_nothing_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for source, said in (("empty", "holds neither"), ("nowhere", "does not exist")):
        assert main(["report", str(tmp_path / source), "--output", str(tmp_path / "report.html")]) == 4
        assert said in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_report_from_python_takes_text_and_raises_what_reading_raises(tmp_path: Path) -> None:
    page, rules = tmp_path / "report.html", {"policy": "ietf", "roots": "certifi"}
    with pytest.raises(UsageError, match="now='2026-01-01' has no zone"):
        write_report(GOOGLE, page, now="2026-01-01", **rules)
    with pytest.raises(ReadError, match="holds neither") as raised:
        write_report(tmp_path, str(page), now="2026-01-01T00:00:00Z", **rules)
    assert "report.ipynb" not in str(raised.value)
    assert not page.exists()


def test_without_templates_it_says_what_to_do_before_it_executes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nbconvert.exporters.templateexporter.jupyter_path", lambda *_: [])
    monkeypatch.setattr("papermill.execute_notebook", pytest.fail)
    assert main(["report", str(GOOGLE), "--output", str(tmp_path / "report.html")]) == 70
    said = capsys.readouterr().err
    assert "nbconvert does not find its templates" in said
    assert "JUPYTER_PATH" in said


@not_on_windows("/proc, where nothing can be written")
def test_a_place_that_cannot_be_written_is_said_before_anything_is_executed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("papermill.execute_notebook", pytest.fail)
    assert main(["report", str(GOOGLE), "--output", "/proc/report.html"]) == 74
    assert "/proc/report.html cannot be written" in capsys.readouterr().err


@not_on_windows("/dev/full")
def test_a_full_disk_and_a_kernel_that_dies_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    page.write_text("the report of last week")

    def die(*_: object, **__: object) -> None:
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr("papermill.execute_notebook", lambda *_, **__: nbformat.v4.new_notebook())
    assert main(["report", str(GOOGLE), "--output", "/dev/full"]) == 74
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.setattr("papermill.execute_notebook", die)
    assert main(["report", str(GOOGLE), "--output", str(page)]) == 70
    assert "its kernel ended by itself" in capsys.readouterr().err
    assert page.read_text() == "the report of last week"
    assert list(tmp_path.iterdir()) == [page]


def test_wrong_use_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--policy", "everything"], "policy or file of rules 'everything' is not known"),
        (["--roots", "nothing.pem"], "roots: the file nothing.pem does not exist"),
        (["--output", str(tmp_path / "nowhere" / "report.html")], "is not a folder"),
        (["--output", str(tmp_path)], "is a folder: name a file in it"),
        (["--output", str(tmp_path / "report.docx")], "Name a file that ends in .html or .pdf"),
        (["--since", "2020-01-01", "--until", "2019-01-01"], "is not before --until"),
    ):
        assert main(["report", str(GOOGLE), *words]) == 2
        assert said in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "papermill", None)
    for name in [name for name in sys.modules if name.startswith("toolkit.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(toolkit, "report")
    assert main(["report", str(GOOGLE)]) == 2
    assert (
        "needs the module papermill, which is not installed: pip install 'tls-toolkit[notebooks]'"
        in capsys.readouterr().err
    )
    assert main(["demo"]) == 2
    assert (
        "needs the module papermill, which is not installed: pip install 'tls-toolkit[lab,n" in capsys.readouterr().err
    )


@pytest.mark.timeout(180)
def test_the_notebook_has_the_parameters_that_the_command_gives() -> None:
    (parameters,) = [cell for cell in code_cells(NOTEBOOK) if is_parameters(cell)]
    named = re.findall(r"^(\w+) =", parameters.source, re.M)
    assert named == [
        "SOURCE", "SOURCE_NAME", "NOW", "POLICY", "ROOTS", "SINCE", "UNTIL", "HISTORY", "SINCE_REPORT",
        "INTERACTIVE", "TABLES", "TITLE",
    ]  # fmt: skip
    assert all(len(cell.source.splitlines()) <= 15 for cell in code_cells(NOTEBOOK))
    assert pd.Timestamp(re.findall(r'NOW = "([^"]+)"', parameters.source)[0]).tzinfo is not None
