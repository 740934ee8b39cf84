"""What the command line imports before it knows what to do, what it suggests, and what it completes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, need
from toolkit import targets
from toolkit.cli import main
from toolkit.reference.roots import root_sources
from toolkit.reference.rules import policies

HEAVY = ("pandas", "numpy", "pyarrow", "matplotlib", "scipy", "cryptography", "deltalake", "shtab")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["chekc"]])
def test_what_needs_no_data_imports_no_library_for_it(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from toolkit.cli import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit:\n"
        f"    print('imported:', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "imported:"


def test_the_package_is_imported_without_the_libraries_of_its_functions() -> None:
    code = f"import sys, toolkit; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chekc", "x"], "check"),
        (["store", "inof", "x"], "info"),
        (["check", "x", "--thresholds", "day"], "days"),
        (["completion", "fsh"], "fish"),
    ],
)
def test_a_misspelt_choice_gets_a_suggestion(words: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"Did you mean {meant!r}?" in capsys.readouterr().err


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, as the command prints it."""
    printed = subprocess.run(
        [sys.executable, "-m", "toolkit", "completion", "bash"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    path = tmp_path_factory.mktemp("completion") / "tls-toolkit"
    path.write_text(printed.stdout)
    return path


def complete(script: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    code = (
        f'source {script}; COMP_WORDS=(tls-toolkit "$@"); COMP_CWORD=$#; _shtab_tls_toolkit; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    offered = subprocess.run(
        [need("bash"), "-c", code, "bash", *words], capture_output=True, text=True, check=True, cwd=script.parent
    )
    return set(offered.stdout.split())


def test_bash_completes_commands_options_and_names(bash_script: Path) -> None:
    subprocess.run([need("bash"), "-n", bash_script], check=True)
    assert {"observe", "collect", "store", "check", "completion"} <= complete(bash_script, "")
    assert complete(bash_script, "store", "") == {"info", "compact"}
    assert complete(bash_script, "check", "x", "--pol") == {"--policy"}
    assert complete(bash_script, "check", "x", "--policy", "") == set(policies())
    assert complete(bash_script, "check", "x", "--roots", "") == set(root_sources())
    assert set(targets.PRESETS) <= complete(bash_script, "observe", "")
    assert "any" in complete(bash_script, "observe", "x", "--offer", "")
    assert {"year", "slow-rollout"} <= complete(bash_script, "lab", "--scenario", "")


def test_bash_completes_paths(bash_script: Path) -> None:
    assert bash_script.name in complete(bash_script, "check", "tls-tool")
    (bash_script.parent / "kept").mkdir(exist_ok=True)
    assert complete(bash_script, "store", "info", "") == {"kept"}


@pytest.mark.parametrize(("shell", "begins"), [("zsh", "#compdef tls-toolkit"), ("fish", "complete ")])
def test_the_scripts_of_other_shells_offer_the_same_names(
    shell: str, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert begins in script
    assert all(name in script for name in ("observe", "compact", "--policy", *policies(), *root_sources()))


def test_the_lab_names_a_missing_extra_and_suggests_a_scenario(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["lab", "--scenario", "yaer"]) == 2
    assert "scenario 'yaer' is not known. Did you mean 'year'?" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "toolkit.lab.pyopenssl", raising=False)
    monkeypatch.setitem(sys.modules, "OpenSSL", None)
    assert main(["lab"]) == 2
    assert "needs the module OpenSSL, which is not installed: pip install 'tls-toolkit[lab]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["observe", "tls://127.0.0.1:1", "--clock", "x"], 2, "tls://127.0.0.1:1 is not in a lab"),
        (["observe", "smtp://mx.lab.test", "mx:lab.test", "--clock", "x"], 2, "mx:lab.test is not in a lab"),
        (["survey", "tls://127.0.0.1:1", "--clock", "x"], 2, "tls://127.0.0.1:1 is not in a lab"),
        (
            ["watch", "a.test:25", "--every", "1h", "--store", "s", "--clock", "x"],
            2,
            "smtp://a.test:25 is not in a lab",
        ),
        (["observe", "smtp://mx.lab.test", "--clock", "none"], 4, "start the lab with `tls-toolkit lab --clock "),
        (["observe", "smtp://mx.lab.test", "--clock", "notes"], 4, "is not the clock of a lab"),
    ],
)
def test_only_a_lab_dates_observations_by_its_clock(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("not an instant")
    assert main([*words[:-1], str(tmp_path / words[-1])]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["observe", "a.test:25", "--offr", "any"], "Did you mean '--offer'?"),
        (["store", "info", "x", "--jsn=1"], "Did you mean '--json'?"),
        (["check", "x", "y"], "unrecognized arguments: y\n"),
    ],
)
def test_a_misspelt_option_gets_a_suggestion(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_of_report_names_only_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    assert "--as-of" not in capsys.readouterr().out


def test_the_name_of_an_example_is_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["read", "google-mail"]) == 0
    assert "65 rows of" in capsys.readouterr().out
    (tmp_path / "google-mail").mkdir()
    assert main(["read", "google-mail"]) == 4, "a path of that name is read instead"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--versoin"], "unrecognized arguments: --versoin. Did you mean '--version'?"),
        ([], "a command is missing: tls-toolkit --help lists them"),
        (
            ["survey", "tls://127.0.0.1:1", "--parts", "suits"],
            "--parts: part 'suits' is not known. Did you",
        ),
    ],
)
def test_a_misspelt_option_or_part_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert said in capsys.readouterr().err
