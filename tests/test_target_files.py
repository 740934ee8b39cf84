"""Files of targets: what is right in them is read, what is wrong is named by its line. Presets of the user's file."""

import importlib
import io
import json
import warnings
from pathlib import Path

import pytest

import toolkit
from toolkit.cli import main
from toolkit.cli.codes import FINE, USAGE
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.presets import VARIABLE, presets
from toolkit.target_files import read_targets
from toolkit.targets import parse_target


def file_of(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text if isinstance(text, bytes) else text.encode())


def test_a_list_is_read_once_and_no_further_than_a_round_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    importlib.import_module("toolkit.cli.options")  # has `presets` of its own, for `--help`
    file, reads = tmp_path / "hosts.txt", []
    file.write_text("\n".join([*(f"a{number}.test" for number in range(9)), "not a target"]))
    monkeypatch.setattr("toolkit.targets.presets", lambda: reads.append(1) or {})
    command = ["collect", "--targets", str(file), "--scheme", "https", "--store", str(tmp_path / "store")]
    assert main([*command, "--max-planned", "8"]) == USAGE
    said = capsys.readouterr().err
    assert "more than 8 looks" in said
    assert "not a target" not in said
    assert reads == [1]
    assert main([*command, "--max-planned", "8", "--dry-run"]) == FINE
    assert "not a target" in capsys.readouterr().err


def test_a_survey_of_too_many_targets_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["survey", "tls://127.0.0.1:1", "tls://127.0.0.1:2", "--max-planned", "1"]) == USAGE
    assert "more than 1 looks" in capsys.readouterr().err


TWO = ["smtp://a.test:25", "https://b.test:443"]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="2 columns are called 'host'"):
        read_targets(file_of("host,host\na.test,b.test\n"))


@pytest.mark.parametrize(
    "text",
    [
        "smtp://a.test\nb.test:443\n",
        "# ours\n\n  smtp://a.test   # the first\r\nb.test:443",
        "\ufeffsmtp://a.test\rb.test:443\rsmtp://a.test:25",
        "target,owner\nsmtp://a.test,x\n# not this one\nhttps://b.test,\n",
        "Owner;Host;Port\nx;a.test;25\n;b.test;443\n",
        "host\tscheme\na.test\tsmtp\nb.test\thttps\n",
        'host|port|note\n"a.test"|25|"one|two"\nb.test|443\n',
        "owner,url\nx,smtp://a.test:25\ny,https://b.test/\n",
        "sep=;\ntarget;port\na.test;25\nb.test;443\n",
        "host\na.test:25\nb.test:443\n",
        "host,port\na.test,25\nb.test,443\n".encode("utf-16"),
    ],
)
def test_text_and_csv_name_the_same_targets(text: str | bytes) -> None:
    assert read_targets(file_of(text), strict=True)["service"].tolist() == TWO


@pytest.mark.parametrize(
    "text", ["a.test\nsmtp://b.test\n[::1] # ours\nc.test:993\nd.test:4433\nmx:e.test\n", "host\na.test\n"]
)
def test_a_scheme_is_that_of_hosts_alone(text: str) -> None:
    wanted = ["https://a.test:443", "smtp://b.test:25", "https://[::1]:443", "imaps://c.test:993",
              "https://d.test:4433", "mx:e.test"]  # fmt: skip
    listed = read_targets(file_of(text), scheme="https", strict=True)["target"].tolist()
    assert listed == wanted[: len(listed)]
    with pytest.raises(UsageError, match=r"'a\.test': name a port .*, or one scheme for all \(--scheme, read_targets"):
        read_targets(file_of(text), strict=True)


def test_a_scheme_that_is_not_known_is_said_once() -> None:
    with pytest.raises(UsageError, match=r"^read_targets: scheme='htps' is not known\. Did you mean 'https'"):
        read_targets(file_of("a.test"), scheme="htps")
    with pytest.raises(UsageError, match=r"^parse_target: scheme='' is not known"):
        parse_target("a.test", scheme="")


def test_the_command_line_takes_host_names_with_a_scheme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1\n127.0.0.2\n")
    assert main(["collect", "--scheme", "imaps", "--targets", str(tmp_path / "hosts"), "127.0.0.3", "--dry-run",
                 "--store", str(tmp_path / "store")]) == 0  # fmt: skip
    assert "3" in capsys.readouterr().out
    assert main(["observe", "--targets", str(tmp_path / "hosts"), "--dry-run"]) == 2
    assert "or one scheme for all (--scheme" in capsys.readouterr().err


def test_a_column_is_named_and_the_others_follow_as_text() -> None:
    listed = read_targets(file_of("Address,owner,port,line\na.test,x,25,7\nb.test,,443,8"), column="address")
    assert listed["service"].tolist() == TWO
    assert listed.columns.tolist() == ["line", "target", "service", "host", "owner"]
    assert listed["line"].tolist() == [2, 3]
    assert listed["owner"].isna().tolist() == [False, True]
    with pytest.raises(UsageError, match=r"no column 'adress'\. Did you mean 'address'\? It has: address, port\."):
        read_targets(file_of("address,port\na.test,25"), column="adress")


def test_presets_and_mail_domains_are_rows_of_their_own() -> None:
    listed = read_targets(file_of("google-mail\nmx:Example.org\n[::1]:993"))
    assert listed["line"].tolist() == [1, 1, 1, 1, 2, 3]
    assert listed["target"].tolist()[4:] == ["mx:example.org", "imaps://[::1]:993"]
    assert listed["service"].isna().tolist() == [False] * 4 + [True, False]
    assert [str(one) for one in toolkit.targets.expand_targets(listed)] == listed["target"].tolist()


BAD = [
    "a b.test:25",
    "*.test:25",
    "htps://a.test",
    "mx.test",
    "a.test:99999",
    "b.test:0",
    "",
    "x" * 20_000,
    "é\x1b[2J.t",
]


def test_a_bad_line_is_named_and_the_rest_is_read() -> None:
    text = "\n".join(["smtp://a.test", *BAD]).encode() + b"\n\xff.test:25\nb.test:443\n"
    with pytest.warns(ReadWarning) as warned:
        listed = read_targets(file_of(text))
    assert listed["service"].tolist() == TWO
    said = [str(one.message) for one in warned]
    assert {int(words.split("line ")[1].split()[0].rstrip(":")) for words in said} == {2, 3, 4, 5, 6, 7, 9, 10, 11}
    assert all(len(words) < 600 and words.endswith("The line is left out.") for words in said)
    with pytest.raises(UsageError, match=r"9 lines are not targets, so nothing is done\. line \d.* and 4 more lines"):
        read_targets(file_of(text), strict=True)


def test_one_bad_line_is_one() -> None:
    with pytest.raises(UsageError, match=r"^the file: 1 line is not a target, so nothing is done\. line 1: 'x'"):
        read_targets(file_of("x\n"), strict=True)


def test_a_bad_row_of_csv_spoils_no_other() -> None:
    text = 'host,port,note\na.test,25,"open\n,25,no host\na.test,25,x,y\nb.test,443,fine\n'
    with pytest.warns(ReadWarning) as warned:
        assert read_targets(file_of(text))["service"].tolist() == ["https://b.test:443"]
    assert len(warned) == 3
    with pytest.warns(ReadWarning) as warned:
        read_targets(file_of("a.test:25\n" + "no\n" * 100))
    assert (len(warned), str(warned[-1].message)) == (21, "the file: 80 more lines are left out.")


@pytest.mark.parametrize("text", ["", "# nothing\n", "host,port\n", "no\nnot\n", b"\0\xff" * 10])
def test_a_file_without_a_target_is_refused(text: str | bytes) -> None:
    with pytest.raises(UsageError, match="so nothing is done"):
        read_targets(file_of(text))


def test_what_is_not_a_file_of_targets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"No such file or directory\. Name a file of targets"):
        read_targets(tmp_path / "none")
    with pytest.raises(ReadError, match="Is a directory"):
        read_targets(tmp_path)
    with pytest.raises(UsageError, match="binary mode"):
        read_targets(io.StringIO("a.test:25"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not int"):
        read_targets(5)  # type: ignore[arg-type]


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """500 lines, ten of which are not targets. The others name closed ports of loopback."""
    lines = [f"tls://127.0.{number // 250}.{number % 250 + 1}:1" for number in range(500)]
    for number in range(17, 500, 50):
        lines[number] = f"tls://host {number}.test"
    path = tmp_path / "hosts.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_collect_observes_490_of_500_lines_and_names_the_other_ten(
    hosts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "store")
    assert main(["collect", "--targets", str(hosts), "--store", store, "--strict"]) == 2
    assert "10 lines are not targets, so nothing is done. line 18: 'tls://host 17.test'" in capsys.readouterr().err
    assert not toolkit.Store(store).exists()
    assert main(["collect", "--targets", str(hosts), "--store", store, "--json"]) == 3
    said = capsys.readouterr()
    (end,) = json.loads(said.out)
    assert end["looks"] == 490
    named = [line for line in said.err.splitlines() if "The line is left out." in line]
    assert [f"line {number}: " in line for number, line in zip(range(18, 501, 50), named, strict=True)] == [True] * 10
    looks = toolkit.Store(store).load().observations
    assert looks["service"].nunique() == 490
    assert set(looks["outcome"]) == {"port_closed"}


def test_standard_input_joins_the_targets_that_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = b"where,scheme,port\n127.0.0.2,tls,1\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed), encoding="ascii"))
    assert main(["observe", "tls://127.0.0.1:1", "--targets", "-", "--column", "where", "--json"]) == 3
    rows = json.loads(capsys.readouterr().out)
    assert [row["service"] for row in rows] == ["tls://127.0.0.1:1", "tls://127.0.0.2:1"]


@pytest.mark.parametrize("command", ["observe", "survey", "collect"])
def test_no_target_at_all_is_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", "unused"] if command == "collect" else []
    assert main([command, *store]) == 2
    assert "No target given" in capsys.readouterr().err
    assert main([command, "tls://127.0.0.1:1", "--strict", *store]) == 2
    assert "name it with --targets FILE" in capsys.readouterr().err


def test_a_users_file_adds_presets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# hosts of the team\n[team-mail]\nmx.a.test:25  # first\n[::1]:993\n\n[web]\nhttps://b.test\n")
    monkeypatch.setenv(VARIABLE, str(file))
    assert list(presets()) == ["google-mail", "team-mail", "web"]
    services = [str(target) for target in toolkit.targets.expand_targets(["team-mail", "web"])]
    assert services == ["smtp://mx.a.test:25", "imaps://[::1]:993", "https://b.test:443"]
    with pytest.raises(SystemExit):
        main(["observe", "--help"])
    assert "google-mail, team-mail, web" in " ".join(capsys.readouterr().out.split())
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert list(presets()) == ["google-mail"]
    (tmp_path / "tls-toolkit").mkdir()
    file.rename(tmp_path / "tls-toolkit" / "presets.txt")
    assert "team-mail" in presets()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.test:25\n", "line 1: 'a.test:25' comes before the first"),
        ("[web]\na.test:25\n[web]\n", "line 3: there is a preset 'web' already"),
        ("[google-mail]\na.test:25\n", "line 1: there is a preset 'google-mail' already"),
        ("[web]\n", "the preset 'web' has no targets"),
    ],
)
def test_a_wrong_file_of_presets_is_an_error_with_its_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.txt"))
    with pytest.raises(UsageError, match=said):
        presets()
    assert main(["observe", "web"]) == 2
    assert said in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="cannot be read as presets"):
        presets()


def test_a_wrong_target_of_a_preset_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("[web]\nhtps://b.test\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.txt"))
    with pytest.raises(UsageError, match="Did you mean 'https'"):
        toolkit.targets.expand_targets("web")


def test_no_warning_where_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_targets(file_of("a.test:25"))) == 1
