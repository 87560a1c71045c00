"""``saddles path``: what it prints, and one line for whatever is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

import saddles
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
    assert saddles.Status.MAX_JUMPS.sentence in capsys.readouterr().out
    assert picture.read_text("utf-8").count("<svg") == 1


BAD_FILES = {
    "missing value": ("a,b,y\n1,2,3\n1,,2\n", ["row 3", "'b'", "missing"]),
    "text": ("a,b,y\n1,2,3\n1,dog,2\n", ["row 3", "'b'", "'dog'", "not a number"]),
    "not finite": ("a,b,y\n1,nan,3\n", ["row 2", "'b'", "'nan'", "not finite"]),
    "short row": ("a,b,y\n1,2\n", ["row 2", "2 fields", "3 columns"]),
    "no such target": ("a,b,z\n1,2,3\n", ["no column 'y'", "'a', 'b', 'z'"]),
    "no rows": ("a,b,y\n", ["no rows"]),
    "empty": ("", ["empty"]),
    "no features": ("y\n1\n", ["'y' only"]),
    "column without a name": (",a,y\n0,1,2\n", ["row 1", "column 1 has no name"]),
    "repeated column": ("a,a,y\n1,2,3\n", ["row 1", "'a' occurs twice"]),
    "too large": ("a,y\n1e200,3\n", ["1e+200", "divide"]),
}


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
        [str(tmp_path), "--target", "y"],
    ):
        assert main(["path", *arguments]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert captured.err.startswith("saddles: error: ")


def test_installed_command(table):
    command = [sys.executable, "-m", "saddles", "path", table("a,y\n1,x\n"), "--target", "y"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert "row 2, column 'y'" in run.stderr


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
    assert lines[0] == ["jump", "entered", "time", "measured", "error", "loss", "measured"]
    assert [line[1] for line in lines[1:5]] == ["-", "a", "c", "d"]
    assert float(lines[2][3]) == pytest.approx(2.0, rel=0.1)
    assert float(lines[2][6]) == pytest.approx(0.05, rel=0.01)
    assert captured.out.splitlines()[-1].startswith("In the log alone: 2 jumps at 2.0")
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
    assert error.count("\n") == 1


def test_compare_refuses_in_one_line(run, tmp_path, capsys):
    (tmp_path / "odd.csv").write_text("step,accuracy\n0,1\n", encoding="utf-8")
    for arguments, words in (
        ([*run, "--alpha", "2", *DECLARED[2:]], "between 0 and 1"),
        ([*run, "--log-alpha", "2", *DECLARED[2:]], "log_alpha=2.0"),
        ([*run, *DECLARED[:2]], "learning rate"),
        ([str(tmp_path / "nosuch.csv"), *run[1:], *DECLARED], "nosuch.csv"),
        ([str(tmp_path / "odd.csv"), *run[1:], *DECLARED], "column 'loss'"),
    ):
        assert main(["compare", *arguments]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1), arguments
        assert words in captured.err
