"""The command line: what it prints, its exit statuses, and one line for whatever is wrong."""

import inspect
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import saddles
from saddles._cli.app import app
from saddles._cli.output import for_the_shell
from saddles.cli import main

ROWS = np.array([[1.0, 0.5, 0.7, 0.0, 1.0], [0.5, 1.0, 0.1, 0.7, 0.0]])
HEADER = "a,b,c,d,y"


@pytest.fixture
def table(tmp_path):
    def write(text):
        file = tmp_path / "table.csv"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


def csv_text(rows=ROWS, header=HEADER):
    return "\n".join([header, *(",".join(map(repr, map(float, row))) for row in rows)]) + "\n"


def test_prints_the_staircase(table, capsys):
    assert main(["path", table(csv_text()), "--target", "y"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["jump", "time", "entered", "left", "loss"]
    assert lines[3].split() == ["2", "8", "c", "a", "0.005"]
    assert lines[-1] == saddles.Status.CONVERGED.sentence


def test_target_may_stand_anywhere_and_blank_lines_do_not_count(table, capsys):
    swapped = csv_text(ROWS[:, [4, 0, 1, 2, 3]], "y,a,b,c,d").replace("\n", "\n\n")
    assert main(["path", table(swapped), "--target", "y", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    expected = saddles.pesme_flammarion(ROWS[:, :4], ROWS[:, 4])
    assert saddles.SaddlePath.from_dict(data).times.tolist() == expected.times.tolist()
    assert data["features"] == ["a", "b", "c", "d"]


def test_standardize(table, capsys):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 4)) * [1, 10, 1, 1] + 3
    rows[:, 2] = 7.0
    assert main(["path", table(csv_text(rows, "a,b,c,y")), "--target", "y", "--standardize",
                 "--json"]) == 0  # fmt: skip
    X = rows[:, :3] - rows[:, :3].mean(axis=0)
    X[:, :2] /= np.linalg.norm(X[:, :2], axis=0)
    expected = saddles.pesme_flammarion(X, rows[:, 3] - rows[:, 3].mean())
    path = saddles.SaddlePath.from_dict(json.loads(capsys.readouterr().out))
    np.testing.assert_allclose(path.times, expected.times, rtol=1e-12)
    assert not path.betas[:, 2].any(), "a constant column never enters"


def test_max_jumps_and_plot(table, tmp_path, capsys):
    picture = tmp_path / "out.svg"
    arguments = ["path", table(csv_text()), "--target", "y", "--max-jumps", "1"]
    assert main([*arguments, "--plot", str(picture)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == saddles.Status.MAX_JUMPS.sentence.replace("max_jumps", "--max-jumps")
    assert picture.read_text("utf-8").count("<svg") == 1


BAD_FILES = {
    "missing value": ("a,b,y\n1,2,3\n1,,2\n", ["row 3", "'b'", "missing"]),
    "text": ("a,b,y\n1,2,3\n1,dog,2\n", ["row 3", "'b'", "'dog'", "not a number"]),
    "not finite": ("a,b,y\n1,nan,3\n", ["row 2", "'b'", "'nan'", "not finite"]),
    "short row": ("a,b,y\n1,2\n", ["row 2", "2 fields", "3 columns"]),
    "no such target": ("a,b,z\n1,2,3\n", ["no column 'y'", "'a', 'b', 'z'.\n"]),
    "a target in capitals": ("a,Y\n1,2\n", ["Did you mean 'Y'?\n"]),
    "no rows": ("a,b,y\n", ["no rows"]),
    "empty": ("", ["empty"]),
    "no features": ("y\n1\n", ["'y' only"]),
    "column without a name": ("a,,y\n0,1,2\n", ["row 1", "column 2 has no name"]),
    "repeated column": ("a,a,y\n1,2,3\n", ["row 1", "'a' occurs twice"]),
    "too large": ("a,y\n1e200,3\n", ["1e+200", "divide"]),
    "an open quote": ('a,y\n"1,2\n', ["a quotation mark is never closed"]),
}


def test_a_time_limit_leaves_what_there_was_time_for(table, capsys):
    file, limit = table(csv_text()), ["--target", "y", "--time-limit", "1e-9"]
    assert main(["path", file, *limit]) == 0
    *_, start, last = capsys.readouterr().out.splitlines()
    assert start.split()[0] == "0"
    assert last == saddles.Status.TIME_LIMIT.sentence.replace("time_limit", "--time-limit")
    assert main(["verify", file, *limit]) == 3
    assert capsys.readouterr().out.strip().endswith(last)
    assert main(["bias", file, "--alpha", "1e-3", *limit]) == 3
    error = capsys.readouterr().err
    assert error.startswith("saddles: error: --time-limit=1e-09: these seconds were over")
    assert main(["path", file, "--target", "y", "--time-limit", "0"]) == 2
    assert "--time-limit=0.0: the seconds" in capsys.readouterr().err
    assert main(["verify", file, "--target", "y", "--time-limit", "60"]) == 0


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_one_line(kind, table, capsys):
    text, words = BAD_FILES[kind]
    assert main(["path", table(text), "--target", "y"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    for word in words:
        assert word in captured.err


def test_bad_options_are_one_line(table, tmp_path, capsys):
    file = table(csv_text())
    for arguments in (
        [str(tmp_path / "nosuch.csv"), "--target", "y"],
        [file, "--target", "y", "--max-jumps", "-1"],
        [file, "--target", "y", "--plot", str(tmp_path / "out.nosuch")],
        [file, "--target", "y", "--plot", ""],
        [file, "--target", "y", "--plot", str(tmp_path / "nosuch" / "out.svg")],
        [str(tmp_path), "--target", "y"],
    ):
        assert main(["path", *arguments]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert captured.err.startswith("saddles: error: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,y\n\x81,1\n", "is not UTF-8: byte 0x81 at position 4"),
        (b"a,y\n1,\x001\n", "row 2, column 'y'"),
    ],
)
def test_other_encodings_are_one_line(content, words, tmp_path, capsys):
    (tmp_path / "odd.csv").write_bytes(content)
    for command in (["path"], ["verify"], ["bias", "--alpha", "0.1"]):
        assert main([*command, str(tmp_path / "odd.csv"), "--target", "y"]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert words in captured.err


def test_bad_usage_is_explained_without_a_traceback(table, capsys):
    for arguments in (
        ["path", table(csv_text())],
        ["path", table(csv_text()), "--target", "y", "--max-jumps", "two"],
        ["nosuch"],
        ["bias", table(csv_text()), "--target", "y", "--alpha", "0.1", "--seed", "-1"],
    ):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Usage: saddles" in captured.err
        assert "Traceback" not in captured.err


@pytest.mark.parametrize("command", ["path", "verify", "compare", "bias"])
def test_help_shows_an_example_and_the_options(command):
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert f"Example: saddles {command} " in shown.stdout
    assert "--json" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_help_of_all_says_what_the_exit_statuses_mean():
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert "0 right; 1 a disagreement" in shown.stdout
    version = CliRunner().invoke(app, ["--version"])
    assert version.stdout == f"saddles {saddles.__version__}\n"


def test_what_cannot_be_trusted_has_a_status_of_its_own(table, capsys, monkeypatch):
    def fails(*data, **options):
        raise saddles.PathError(saddles.Status.STALLED, detail="here\nand there")

    for solver, command in (("diagonal_network", "path"), ("pesme_flammarion", "verify")):
        monkeypatch.setattr(saddles, solver, fails)
        assert main([command, table(csv_text()), "--target", "y"]) == 3
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert "here and there" in captured.err


# --- verify -------------------------------------------------------------------------------------


def verified(capsys, *arguments):
    status = main(["verify", *arguments, "--target", "y", "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_verify_agrees_in_three_ways(table, capsys):
    assert main(["verify", table(csv_text()), "--target", "y"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2:4] for line in lines[1:4]] == [["a", "-"], ["c", "a"], ["d", "-"]]
    assert [line.partition(" within")[0] for line in lines[4:]] == [
        "exact arithmetic: agrees",
        "AGF: agrees",
        "gradient flow: agrees",
    ]


#: Ties, a copied column, a constant one, and numbers that no float64 holds.
TIED = "a,b,c,k,y\n0.1,0.1,0.2,1,0.3\n0.2,0.2,-0.1,1,0.1\n0.7,0.7,0.1,1,0.9\n0.1,0.1,0,1,0.4\n"


@pytest.mark.parametrize("standardize", [(), ("--standardize",)])
def test_verify_takes_numbers_as_they_are_written(standardize, table, capsys):
    status, record = verified(capsys, table(TIED), *standardize)
    assert status == 0, record
    assert [judge["verdict"] for judge in record["judges"]] == ["agrees"] * 3
    for judge in record["judges"]:
        assert len(judge["time_errors"]) == len(record["times"]) - 1
        assert np.abs(judge["time_errors"]).max() < judge["tolerance"]


def test_verify_stops_where_it_is_told_to(table, capsys):
    status, record = verified(capsys, table(csv_text()), "--max-jumps", "2")
    assert (status, record["times"]) == (0, pytest.approx([0.0, 2.0, 8.0]))


FAULTS = {
    "a jump too late": lambda path: replace(path, times=path.times * [1, 1, 1.001, 1]),
    "times of the sum loss": lambda path: replace(path, times=path.times / 2),
    "a wrong coefficient": lambda path: replace(path, betas=path.betas * 1.001),
    "a wrong loss": lambda path: replace(path, losses=path.losses * [1, 1.01, 1, 1]),
    "an active unit forgotten": lambda path: replace(
        path, active=(*path.active[:-1], path.active[-1][:1])
    ),
    "a jump forgotten": lambda path: saddles.SaddlePath.from_saddles(
        [path[0], path[2], path[3]], algorithm="", source="", status=path.status
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_finds_a_wrong_path(fault, table, capsys, monkeypatch):
    wrong = FAULTS[fault](saddles.pesme_flammarion(ROWS[:, :4], ROWS[:, 4]))
    monkeypatch.setattr(saddles, "pesme_flammarion", lambda X, y, *, max_jumps: wrong)
    status, record = verified(capsys, table(csv_text()))
    assert status == 1
    assert not record["agrees"]
    verdicts = {judge["name"]: judge["verdict"] for judge in record["judges"]}
    assert verdicts["exact arithmetic"] == "disagrees"
    assert verdicts["gradient flow"] == "disagrees" or "forgotten" in fault
    assert main(["verify", table(csv_text()), "--target", "y", "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")


def test_verify_says_what_it_cannot_decide(table, capsys):
    status, record = verified(capsys, table(csv_text()), "--log-alpha", "-1")
    assert status == 3
    assert record["judges"][2]["verdict"] == "undecided"
    assert record["judges"][2]["remark"]


def weather(seed):
    """Return a table with one temperature in two units, both rounded to a tenth."""
    rng = np.random.default_rng(seed)
    celsius, wind = rng.uniform(-5, 30, 25).round(1), rng.gamma(2, 3, 25).round(1)
    fahrenheit = (celsius * 9 / 5 + 32).round(1)
    load = (100 - 1.5 * celsius + 2 * wind + rng.normal(0, 4, 25)).round(1)
    rows = np.column_stack([celsius, fahrenheit, wind, load])
    return csv_text(rows.tolist(), "celsius,fahrenheit,wind,y")


@pytest.mark.parametrize("seed", [0, 4])
def test_verify_waits_until_dependent_columns_have_settled(seed, table, capsys):
    assert verified(capsys, table(weather(seed)), "--standardize")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_verify_finds_no_fault_with_dependent_columns(seed, table, capsys):
    assert verified(capsys, table(weather(seed)), "--standardize")[0] in (0, 3)


@pytest.mark.parametrize("log_alpha", ["-0.001", "-0.03", "-0.3"])
def test_verify_decides_nothing_where_alpha_is_too_large(log_alpha, table, capsys):
    text = "a,b,y\n1,0.5,1\n0.5,1,0\n"
    status, record = verified(capsys, table(text), "--log-alpha", log_alpha)
    assert status == 3
    assert [judge["verdict"] for judge in record["judges"]] == ["agrees", "agrees", "undecided"]


def test_verify_leaves_out_fractions_that_would_take_minutes(table, capsys, monkeypatch):
    monkeypatch.setattr("saddles._cli.judges.MOST_FRACTIONS", 1)
    status, record = verified(capsys, table(csv_text()))
    assert (status, record["judges"][0]["verdict"]) == (0, "not tried")


@pytest.mark.parametrize(
    ("cell", "verdict"), [("0e-999999999", "agrees"), (f"1.{'7' * 90000}", "not tried")]
)
def test_verify_ends_whatever_the_digits(cell, verdict, table, capsys):
    status, record = verified(capsys, table(f"a,b,y\n{cell},2,3\n2,1,1\n"))
    assert (status, record["judges"][0]["verdict"]) == (0, verdict)


def test_verify_forgives_columns_that_depend_on_each_other_but_for_rounding(table, capsys):
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(12, 3))
    rows = np.column_stack([rows[:, :2], rows[:, 0] + rows[:, 1], rows[:, 2]])
    status, record = verified(capsys, table(csv_text(rows, "a,b,sum,y")))
    assert status == 0
    assert [judge["verdict"] for judge in record["judges"]] == ["agrees"] * 3


def test_verify_cannot_decide_what_rounding_of_the_data_does(table, capsys):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 4))
    rows[:, 2] = rows[:, 0] + 1e-7 * rng.normal(size=50)
    status, record = verified(capsys, table(csv_text(rows, "a,b,c,y")))
    assert status == 3
    assert {judge["verdict"] for judge in record["judges"]} <= {"agrees", "undecided"}


def test_nothing_to_learn_is_verified_too(table, capsys):
    status, record = verified(capsys, table("a,y\n1,0\n2,0\n"))
    assert (status, record["times"]) == (0, [0.0])


# --- bias ---------------------------------------------------------------------------------------


def test_bias_is_that_of_the_library(table, capsys):
    arguments = ["bias", table(csv_text()), "--target", "y", "--log-alpha", "-2", "--seed", "7"]
    assert main([*arguments, "--delta", "-1.5", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    X, y = ROWS[:, :4], ROWS[:, 4]
    diagonal = saddles.implicit_bias.diagonal(X, y, log_alpha=-2)
    assert record["ends"]["diagonal"]["beta"] == pytest.approx(diagonal.beta.tolist(), abs=1e-12)
    flow = saddles.flow.diagonal(X, y, log_alpha=-2)
    assert record["ends"]["diagonal"]["beta"] == pytest.approx(flow.at(flow.until), abs=1e-6)
    least = saddles.implicit_bias.l1(X, y)
    assert record["ends"]["l1"]["beta"] == pytest.approx(least.beta.tolist(), abs=1e-12)
    start = record["neuron"]
    assert min(start["a0"], np.linalg.norm(start["w0"])) == pytest.approx(math.exp(-2))
    assert start["a0"] ** 2 - np.dot(start["w0"], start["w0"]) == pytest.approx(-1.5)
    assert start["applies"]
    assert record["ends"]["neuron"]["beta"] == pytest.approx(start["beta"], abs=1e-9)


def test_bias_draws_the_same_direction_for_the_same_seed(table, capsys):
    printed = []
    for seed in ("3", "3", "4"):
        arguments = ["--target", "y", "--alpha", "0.1", "--delta", "-1", "--seed", seed]
        assert main(["bias", table(csv_text()), *arguments]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_bias_says_what_the_reader_has_to_know(table, capsys):
    inconsistent = "a,b,y\n1,1,1\n1,1,2\n"
    assert main(["bias", table(inconsistent), "--target", "y", "--log-alpha", "-1e6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["column", "least", "l1", "diagonal"]
    assert lines[3].startswith("(l1 norm)")
    assert lines[4:] == [
        "The columns leave 0.32 of the target's norm unexplained.",
        "Other coefficients have the same least l1 norm.",
    ]


def test_the_scale_is_given_once_and_is_small(table, capsys):
    for scale, words in (
        ([], "--alpha or as --log-alpha; it is not given"),
        (["--alpha", "0.1", "--log-alpha", "-1"], "both are given"),
        (["--alpha", "1"], "between 0 and 1"),
        (["--log-alpha", "0.5"], "--log-alpha=0.5"),
        (["--log-alpha", "nan"], "--log-alpha=nan"),
        (["--log-alpha", "-inf"], "--log-alpha=-inf"),
    ):
        assert main(["bias", table(csv_text()), "--target", "y", *scale]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert words in captured.err


# --- the shell ----------------------------------------------------------------------------------


def shell(command, stdin="", **environment):
    """Run a shell command in which `saddles` is the command line of this package."""
    run = command.replace("saddles ", f"'{sys.executable}' -m saddles ")
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {run}"],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


def test_pipes_carry_tables_in_and_results_out():
    code = "import json, sys; print(json.load(sys.stdin)['times'])"
    done = shell(f"saddles path - --target y --json | '{sys.executable}' -c \"{code}\"", csv_text())
    assert (done.returncode, done.stderr) == (0, "")
    assert np.array(json.loads(done.stdout)).round(4).tolist() == [0.0, 2.0, 8.0, 11.2653]


def test_a_pipe_gets_no_colours_and_no_broken_lines():
    long = csv_text(header=",".join([*(letter * 60 for letter in "abcd"), "y"]))
    for settings in ({}, {"TERM": "xterm-256color", "COLUMNS": "20"}):
        done = shell("saddles path - --target y", long, **settings)
        assert "\x1b" not in done.stdout
        assert len(done.stdout.splitlines()) == 6
        assert "c" * 60 in done.stdout.splitlines()[3]


def test_a_reader_that_goes_away_is_no_error():
    many = "a,y\n" + "".join(f"{k},{k % 7}\n" for k in range(40000))
    done = shell("saddles path - --target y --json | head -c 1", many)
    assert (done.stdout, done.stderr, done.returncode) == ("{", "", 141)


def test_bad_input_in_a_pipe_is_one_line():
    done = shell("saddles verify - --target y | cat", "a,y\n1,x\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "saddles: error: standard input, row 2, column 'y': 'x' is not a number.\n"
    )


def test_names_that_the_output_cannot_show_are_escaped():
    done = shell(
        "saddles path - --target y", "\u00e9,y\n1,1\n", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr


def test_without_typer_one_line_says_what_to_install():
    code = """
import sys
sys.modules["typer"] = None
from saddles.cli import main
sys.exit(main(["path", "x.csv"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        "saddles: error: the command line needs typer: pip install 'saddles[cli]'\n"
    )


def test_streams_that_are_closed_are_named(table, capsys, monkeypatch):
    file = table(csv_text())
    for command in (["path"], ["path", "--json"], ["bias", "--alpha", "0.1"]):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", None)
            assert main([*command, file, "--target", "y"]) == 2
            assert sys.stdout is None
        assert capsys.readouterr().err == "saddles: error: standard output is closed.\n"
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["path", "-", "--target", "y"]) == 2
    assert capsys.readouterr().err == "saddles: error: standard input: it is closed.\n"
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["path", file, "--target", "y", "--quiet"]) == 0
    assert main(["path", file, "--target", "q"]) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_that_cannot_be_written_is_one_line():
    done = shell("saddles path - --target y > /dev/full", csv_text())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "saddles: error: the output: No space left on device.\n"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no device that goes on")
def test_a_device_that_does_not_end_is_refused(capsys):
    assert main(["path", "/dev/zero", "--target", "y"]) == 2
    assert "goes on and on" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "status"), [("typer", -signal.SIGINT), ("scipy", 130)])
def test_an_interrupt_while_modules_load_leaves_no_traceback(module, status, table):
    code = f"""
import os, signal, sys
class Interrupt:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt)
from saddles.cli import main
sys.exit(main(sys.argv[1:]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, "path", table(csv_text()), "--target", "y"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (status, "", "")


def test_control_characters_are_escaped(table, tmp_path, capsys):
    text = '"a\x1b[31m","b\nb",\u202ec,d,y\n' + csv_text().split("\n", 1)[1]
    for arguments in (["--target", "y"], ["--target", "\x1b[31m"]):
        main(["path", table(text), *arguments])
        captured = capsys.readouterr()
        assert not {*"\x1b\u202e"} & {*captured.out, *captured.err}
        assert "\\x1b[31m" in captured.out + captured.err
    main(["path", table("a,y\n1,2\n"), "--target", "y", "--plot", str(tmp_path / "\x1b" / "x.svg")])
    assert "\x1b" not in capsys.readouterr().err


def test_messages_name_options_and_not_arguments():
    commands = [command.callback for command in app.registered_commands]
    arguments = {name for command in commands for name in inspect.signature(command).parameters}
    library = {
        *inspect.signature(saddles.pesme_flammarion).parameters,
        *inspect.signature(saddles.compare_run).parameters,
    }
    for name in arguments & library:
        if "_" in name:
            assert for_the_shell(f"{name}=1") == f"--{name.replace('_', '-')}=1"
    assert for_the_shell("alpha=2, log_alpha=0") == "--alpha=2, --log-alpha=0"
    assert for_the_shell("give --log-alpha") == "give --log-alpha"


def test_pictures_are_refused_before_the_work(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(saddles, "pesme_flammarion", None)  # not to be called
    file = table(csv_text())
    for name, words in (
        ("", "is a folder"),
        (str(tmp_path), "is a folder"),
        ("staircase", "must end in one of .avif, .eps"),
        (str(tmp_path / "x.docx"), "must end in one of"),
        (str(tmp_path / "nosuch" / "x.svg"), "there is no folder"),
        (str(tmp_path / ("x" * 300 + ".svg")), "File name too long"),
    ):
        assert main(["path", file, "--target", "y", "--plot", name]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert words in captured.err


def test_the_table_is_printed_though_the_picture_fails(table, tmp_path, capsys, monkeypatch):
    def fails(*data, **options):
        raise OSError(28, "No space left on device", "x.svg")

    monkeypatch.setattr(saddles.SaddlePath, "plot", fails)
    arguments = ["--target", "y", "--plot", str(tmp_path / "x.svg")]
    assert main(["path", table(csv_text()), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith("jump")
    assert captured.err == "saddles: error: x.svg: No space left on device.\n"


# --- compare ------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """Write the data and a log of gradient descent on its mean squared error; return both."""
    X, y, rate = ROWS[:, :4], ROWS[:, 4], 0.01
    u, v, recorder = np.full(4, 1e-8), np.zeros(4), saddles.Recorder(every=50)
    for _ in range(15000):
        residual = y - X @ (u * v)
        recorder.record(residual @ residual / 2, u * v)
        pull = rate * X.T @ residual
        u, v = u + pull * v, v + pull * u
    (tmp_path / "data.csv").write_text(csv_text(), encoding="utf-8")
    recorder.save(tmp_path / "run.csv")
    return [str(tmp_path / "run.csv"), "--data", str(tmp_path / "data.csv"), "--target", "y"]


DECLARED = ["--alpha", "1e-8", "--learning-rate", "0.01", "--loss", "mean"]


def test_compare_prints_a_line_per_jump(run, tmp_path, capsys):
    picture = tmp_path / "out.svg"
    assert main(["compare", *run, *DECLARED, "--plot", str(picture)]) == 0
    captured = capsys.readouterr()
    lines = [line.split() for line in captured.out.splitlines()]
    header = "jump entered limit flow measured off limit off flow loss flow measured"
    assert " ".join(lines[0]) == header
    assert [line[1] for line in lines[1:5]] == ["-", "a", "c", "d"]
    assert float(lines[2][2]) == pytest.approx(2.0)
    assert float(lines[2][3]) == pytest.approx(float(lines[2][4]), rel=0.01)
    assert float(lines[2][9]) == pytest.approx(0.05, rel=0.01)
    assert [line[-1].endswith("*") for line in lines[1:5]] == [False, False, True, False]
    assert captured.out.splitlines()[-2].startswith("In the log alone: 2 jumps at 2.0")
    assert "jumps 2 and 3 run into each other" in captured.out.splitlines()[-1]
    assert captured.err == ""
    assert picture.read_text("utf-8").count("<svg") == 1


def test_compare_writes_json_and_takes_the_columns_names(run, tmp_path, capsys):
    header, rows = (tmp_path / "run.csv").read_text("utf-8").split("\n", 1)
    for index, name in enumerate("abcd"):
        header = header.replace(f"beta[{index}]", name)
    results = []
    for text in (header, header.replace(",a,b,c,d", ",w,x,y,z")):
        (tmp_path / "run.csv").write_text(f"{text}\n{rows}", encoding="utf-8")
        assert main(["compare", *run, *DECLARED, "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    named, unnamed = results
    assert named["predicted_times"] == pytest.approx([2, 8, 11.265306], rel=1e-6)
    assert named["measured_times"] == unnamed["measured_times"]
    assert named["coefficient_errors"][1] < 0.1
    assert unnamed["coefficient_errors"] == [None] * 4
    assert named["features"] == ["a", "b", "c", "d"]


def test_compare_warns_in_one_line_of_another_loss(run, capsys):
    assert main(["compare", *run, *DECLARED[:4]]) == 0
    error = capsys.readouterr().err
    assert error.startswith("saddles: warning: the log starts at a loss of 0.5")
    assert error.endswith("did you mean --loss mean?\n")
    assert error.count("\n") == 1


def test_compare_refuses_in_one_line(run, tmp_path, capsys):
    (tmp_path / "odd.csv").write_text("step,accuracy\n0,1\n", encoding="utf-8")
    for arguments, words in (
        ([*run, "--alpha", "2", *DECLARED[2:]], "between 0 and 1"),
        ([*run, "--log-alpha", "2", *DECLARED[2:]], "--log-alpha=2.0"),
        ([*run, *DECLARED[:2]], "learning rate"),
        ([str(tmp_path / "nosuch.csv"), *run[1:], *DECLARED], "nosuch.csv"),
        ([str(tmp_path / "odd.csv"), *run[1:], *DECLARED], "column 'loss'"),
    ):
        assert main(["compare", *arguments]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1), arguments
        assert words in captured.err


def test_compare_reads_the_log_or_the_data_from_standard_input(run, tmp_path):
    log, _, data, *target = run
    expected = shell(f"saddles compare {log} --data {data} {' '.join([*target, *DECLARED])}")
    assert expected.stdout
    rest = " ".join([*target, *DECLARED])
    for command in (
        f"saddles compare - --data {data} {rest} < {log}",
        f"saddles compare {log} --data - {rest} < {data}",
    ):
        assert shell(command).stdout == expected.stdout
    both = shell(f"saddles compare - --data - {rest}", csv_text())
    assert (both.returncode, both.stdout) == (2, "")
    assert "cannot both be standard input" in both.stderr


def test_quiet_prints_neither_table_nor_warning(run, capsys):
    assert main(["compare", *run, *DECLARED[:4], "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("quiet", "seen"), [([], True), (["--quiet"], False)])
def test_somebody_who_looks_sees_the_progress(table, capsys, monkeypatch, quiet, seen):
    arguments = ["path", table(csv_text()), "--target", "y", *quiet]
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(arguments) == 0
    assert ("3 jumps" in capsys.readouterr().err) == seen


def test_compare_is_beside_the_flow(run, capsys):
    assert main(["compare", *run, *DECLARED, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    flow = saddles.flow.diagonal(ROWS[:, :4], ROWS[:, 4], log_alpha=math.log(1e-8))
    expected = saddles.compare(saddles.pesme_flammarion(ROWS[:, :4], ROWS[:, 4]), flow)
    assert record["flow_times"] == pytest.approx(expected.measured.tolist())
    assert record["flow_losses"] == pytest.approx(expected.levels.tolist())
    assert np.abs(record["flow_errors"]).max() < 0.01
    assert min(np.abs(record["time_errors"])) > 0.01
    assert record["resolved"] == [True, True, False, True]


def test_compare_goes_on_without_a_flow(run, capsys, monkeypatch):
    def fails(*data, **options):
        raise saddles.PathError(saddles.Status.INTEGRATION_FAILED)

    monkeypatch.setattr(saddles.flow, "diagonal", fails)
    assert main(["compare", *run, *DECLARED]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[2].split()[3] == "-"
    assert captured.err.startswith("saddles: warning: no gradient flow to compare with")


def test_compare_says_what_makes_all_times_wrong(run, capsys):
    assert (
        main(["compare", *run, "--alpha", "1e-8", "--learning-rate", "1e-3", "--loss", "mean"]) == 0
    )
    error = capsys.readouterr().err
    assert "jumps come at 0.1 times the flow's time" in error
    assert "Check --learning-rate" in error
    assert "--loss (what was trained" in error


def test_path_of_a_deeper_network(table, capsys):
    """Clocks of depth 3 from (1, 1, 0) ring at π/2, and physical times are 1/α as long."""
    command = ["path", table(csv_text()), "--target", "y", "--alpha", "1e-3", "--json"]
    assert main([*command, "--depth", "3"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["kappa"] == 3
    assert record["times"][1] == pytest.approx(math.pi)
    assert record["physical_times"][1] == pytest.approx(1000 * math.pi)
    assert main([*command, "--init", "1,1,0"]) == 0
    assert json.loads(capsys.readouterr().out)["times"] == record["times"]
    for options, words in (
        (["--depth", "1"], "depth=1"),
        (["--init", "1,one"], "--init='1,one'"),
        (["--init", "0,0,1"], "two zeros"),
        (["--depth", "4", "--init", "1,1,0"], "init has 3 layers"),
    ):
        assert main([*command, *options]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("scale", [["--alpha", "1e-3"], ["--log-alpha", str(math.log(1e-3))]])
def test_path_prints_physical_times_and_steps(scale, table, tmp_path, capsys):
    steps = [*scale, "--learning-rate", "0.01", "--loss", "mean"]
    command = ["path", table(csv_text()), "--target", "y", *steps]
    picture = tmp_path / "out.svg"
    assert main([*command, "--plot", str(picture)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["jump", "time", "physical", "step", "entered", "left", "loss"]
    time = 2 * math.log(1e3) / 2  # the mean squared error is twice as steep
    assert [float(cell) for cell in lines[2][1:4]] == pytest.approx([2, time, 100 * time], rel=1e-5)
    assert picture.exists()
    assert main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["steps"][1] == pytest.approx(100 * time)
    assert record["physical_times"][1] == pytest.approx(time)
    assert saddles.SaddlePath.from_dict(record).times[1] == pytest.approx(2)


def test_a_learning_rate_needs_a_scale(table, capsys):
    for options, words in (
        (["--learning-rate", "0.01"], "--alpha or as --log-alpha"),
        (["--alpha", "0.1", "--learning-rate", "0"], "--learning-rate=0.0"),
        (["--alpha", "2"], "between 0 and 1"),
    ):
        assert main(["path", table(csv_text()), "--target", "y", *options]) == 2
        assert words in capsys.readouterr().err


def test_verify_draws_the_path_over_the_flow_from_its_scale(table, tmp_path, capsys, monkeypatch):
    drawn = []
    plot = saddles.Comparison.plot
    monkeypatch.setattr(
        saddles.Comparison, "plot", lambda self, **how: drawn.append(self) or plot(self, **how)
    )
    picture = tmp_path / "out.svg"
    arguments = [table(csv_text()), "--alpha", "1e-100", "--plot", str(picture)]
    assert verified(capsys, *arguments)[0] == 0
    assert picture.read_text("utf-8").count("<svg") == 1
    assert drawn[0].other.log_alpha == pytest.approx(-100 * math.log(10))
    assert drawn[0].same_jumps
    both = ["--alpha", "0.1", "--log-alpha", "-3"]
    assert main(["verify", table(csv_text()), "--target", "y", *both]) == 2


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("Step,Loss", []),
        ("epoch,train_loss", []),
        ("Wall time,Step,Value", []),
        ('"Step","lively-sun-1 - loss","lively-sun-1 - loss__MIN","lively-sun-1 - loss__MAX"', []),
        ("batch,step,criterion", ["--step-column", "batch", "--loss-column", "criterion"]),
        ("time,updates,loss", ["--step-column", "updates"]),
    ],
)
def test_logs_of_other_programs(header, options, run, tmp_path, capsys):
    assert main(["compare", *run, *DECLARED, "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)
    rows = [line.split(",")[:2] for line in (tmp_path / "run.csv").read_text().split()[1:]]
    names = header.split(",")
    step, loss = {2: (0, 1), 3: (1, 2), 4: (0, 1)}[len(names)]
    if names[0] == "batch":
        step = 0
    lines = [[row[1] if k == loss else row[0] if k == step else "0.5" for k in range(len(names))]
             for row in rows]  # fmt: skip
    lines.insert(5, [rows[5][0] + "5", *[""] * (len(names) - 1)])  # a row without a loss
    lines[5][step] = lines[5][0]
    text = "\n".join([header, *map(",".join, lines)])
    (tmp_path / "run.csv").write_text(text)
    assert main(["compare", *run, *DECLARED, *options, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["measured_times"] == expected["measured_times"]
    assert found["losses_in_log"] == expected["losses_in_log"]
    assert ("each epoch is taken for one step" in captured.err) == ("epoch" in header)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("step,a - loss,b - loss", "not several"),
        ("step,val_loss,accuracy", "a column 'loss'"),
        ("hour,loss,z", "a column 'step' or a column 'time'"),
    ],
)
def test_logs_that_leave_a_choice_name_the_options(header, words, run, tmp_path, capsys):
    (tmp_path / "run.csv").write_text(f"{header}\n0,1,1\n1,1,1\n")
    assert main(["compare", *run, *DECLARED]) == 2
    line = capsys.readouterr().err
    assert words in line
    assert line.endswith("Choose with --step-column and --loss-column.\n")


def test_a_jump_that_the_log_does_not_reach_is_said(run, tmp_path, capsys):
    lines = (tmp_path / "run.csv").read_text().split("\n")
    (tmp_path / "run.csv").write_text("\n".join(lines[:150]))
    assert main(["compare", *run, *DECLARED]) == 0
    out = capsys.readouterr().out
    assert "not reached" in out
    assert "nan" not in out
