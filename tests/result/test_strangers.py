"""Files of paths that a stranger sends: whatever is wrong with one is said, and costs nothing."""

import json
import os
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import saddles
from saddles import SaddlePath
from tests.result.test_earlier_versions import KINDS, computed

#: What reading a file of 10 kB may take: seconds, and bytes.
SECONDS, BYTES = 1.0, 200e6


@pytest.fixture(scope="module")
def paths():
    return computed()


@pytest.fixture
def refused(tmp_path):
    """Return a function that reads a file which must be refused, at once, and returns why."""

    def read(content):
        file = tmp_path / "path.json"
        file.write_bytes(content)
        tracemalloc.start()
        start = time.process_time()
        try:
            with pytest.raises(ValueError, match=r"path\.json' holds no saddle path: ") as error:
                SaddlePath.load(file)
            assert time.process_time() - start < SECONDS
            assert tracemalloc.get_traced_memory()[1] < BYTES
        finally:
            tracemalloc.stop()
        return str(error.value)

    return read


def saved(path, tmp_path):
    path.save(tmp_path / "saved.json")
    return (tmp_path / "saved.json").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_damage_of_a_file_is_noticed(kind, paths, tmp_path, refused):
    whole = saved(paths[kind], tmp_path)
    rng = np.random.default_rng(KINDS.index(kind))
    for place in rng.choice(len(whole) - 1, 40, replace=False).tolist():
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        refused(bytes(flipped))
        refused(whole[:place])


def test_layout_is_no_damage(paths, tmp_path):
    whole = json.loads(saved(paths["dense"], tmp_path))
    file = tmp_path / "pretty.json"
    file.write_text(json.dumps(whole, indent=2), "utf-8")
    assert SaddlePath.load(file).to_dict() == paths["dense"].to_dict()
    assert SaddlePath.from_dict(whole).to_dict() == paths["dense"].to_dict()


def test_a_file_may_be_edited_as_the_message_says(paths, tmp_path):
    file, data = tmp_path / "path.json", json.loads(saved(paths["dense"], tmp_path))
    file.write_text(json.dumps(data | {"source": "mine"}), "utf-8")
    with pytest.raises(ValueError, match=r"damaged, or was edited; if .* make its format 1"):
        SaddlePath.load(file)
    file.write_text(json.dumps(data | {"source": "mine", "format": 1}), "utf-8")
    assert SaddlePath.load(file).source == "mine"


def test_entries_of_others_are_left_alone(paths):
    data = paths["dense"].to_dict() | {"features": ["a", "b", "c"]}
    assert SaddlePath.from_dict(data).to_dict() == paths["dense"].to_dict()


#: Entries that no path has, and what is said of them.
WRONG = {
    "algorithm": [(3, "algorithm=3 must be a string")],
    "source": [(None, "source=None must be a string")],
    "status": [("DONE", "status='DONE' must be one of CONVERGED"), (["X"], "must be one of")],
    "kappa": [(1, "kappa=1: it must be a whole number of at least 2"), (2.5, "must be a number")],
    "log_alpha": [(0.5, "log_alpha=0.5: .* below 0"), ("deep", "log_alpha='deep' must be a numb")],
    "shape": [
        ([4, 10**9], "shape=.*dense points of more than"),
        ([10**9, 3], "one time for each point"),
        ([4, 2], r"values\[1\].*|active\[\d\]=.*there are 2"),
        ([-3, 3], "not the shape of an array"),
        ([], "not the shape"),
        ([4] * 40, "not the shape"),
        ([4, 3.0], "shape=3.0 must be a number"),
        (4, "shape=4 must be a list"),
        ([4, 3, 10**9], "by_unit and sparse are for vectors"),
    ],
    "sparse": [("no", "sparse='no' must be true or false")],
    "by_unit": [(0, "by_unit=0 must be true or false")],
    "times": [
        ([0.0, 2.0, 1.0, 3.0], "times=.* never decrease"),
        ([1.0, 2.0, 3.0, 4.0], "times=.* must begin with 0"),
        ([0.0, 1.0, 2.0, "inf"], "times has the entry inf; its numbers must be finite"),
        ([0.0, 1.0, 2.0, 1e999], "times has the entry inf"),
        ([0.0, 1.0, 2.0, True], "times=True must be a number"),
        ([0.0, 1.0, 2.0, 10**400], "does not fit a float64"),
        ([], "at least one"),
        ({}, "times={} must be a list"),
    ],
    "losses": [([1.0], "losses=.* of 4 entries"), ([1, 2, 3, None], "losses=None must be a num")],
    "duals": [
        ([[1.0, 2.0, 3.0], [1.0], [1.0], [1.0]], r"duals\[1\]=.* must be a list of 3 entries"),
        ([1.0, 2.0, 3.0, 4.0], r"duals\[0\]=1.0 must be a list of 0 entries"),
        (5, "duals=5 must be a list"),
    ],
    "active": [
        ([[], [3], [0], [1]], r"active\[1\]=\[3\]: units are counted from 0, and there are 3"),
        ([[], [-1], [0], [1]], r"active\[1\]=\[-1\]: units"),
        ([[], [1, 1], [0], [1]], r"active\[1\]=\[1, 1\] names a unit twice"),
        ([[], [0.0], [0], [1]], "active=0.0 must be a number"),
        ([[], [0, 1, 2], [0, 1], [0]], r"values\[\d\]=.* must be a list of \d entries"),
    ],
    "entered": [([[0]], "entered=.* of 4 entries")],
    "left": [([0, 0, 0, 0], r"left\[0\]=0 must be a list")],
    "values": [
        ([], "values=.* of 4 entries"),
        ([[], ["1"], [1.0, 1.0], [1.0]], r"values\[\d\]"),
    ],
    "certificates": [
        ({}, "certificates={} must have the entries"),
        ([], "certificates=.* must have the entries"),
    ],
    "remaining": [({"losses": 1.0}, "remaining=.* may have a loss"), (1, "may have a loss")],
    "fingerprint": [(["x"], "fingerprint='x' must be a number")],
    "kind": [(3, "kind=3 must be a string"), ("neurons", "kind='neurons' must be one of")],
    "format": [
        (2, "data lacks crc32"),
        (True, "format=True: this version reads"),
        ([1], r"format=\[1\]: this version reads"),
    ],
}


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_entry_is_named(name, paths, refused):
    data = paths["dense"].to_dict()
    for entry, words in WRONG[name]:
        with pytest.raises(ValueError, match=words):
            SaddlePath.from_dict(data | {name: entry})
        refused(json.dumps(data | {name: entry}).encode())


def test_certificates_are_looked_at_one_by_one(paths):
    data = paths["dense"].to_dict()
    for name, entry, words in (
        ("margin", ["much"] * 4, "certificates.margin='much' must be a number"),
        ("unique", [1] * 4, "certificates.unique=1 must be true or false"),
        ("creep", [0.0], "certificates.creep=.* must be a list of 4"),
    ):
        with pytest.raises(ValueError, match=words):
            SaddlePath.from_dict(data | {"certificates": data["certificates"] | {name: entry}})


BOMBS = {
    "brackets": b"[" * 9_999,
    "braces": b'{"format":' * 999,
    "digits": b'{"format": ' + b"9" * 9_000 + b"}",
    "twice": b'{"format": 1, "format": 1}',
    "not a number": b'{"format": NaN}',
    "latin-1": '{"format": "é"}'.encode("latin-1"),
    "zeros": b"\0" * 9_999,
    "nothing": b"",
    "list": b"[1, 2]",
    "number": b"1e999",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_no_path_at_all_is_refused(name, refused):
    refused(BOMBS[name])


def test_a_hundred_thousand_brackets_are_refused(refused):
    refused(b"[" * 100_000 + b"]" * 100_000)


#: What may stand in the place of an entry.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.sampled_from(["inf", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["loss", "unique", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(KINDS), st.data())
def test_any_entry_may_be_anything(paths, kind, data):
    """It is refused, or what comes back says the same."""
    written = paths[kind].to_dict()
    name = data.draw(st.sampled_from(sorted(written)))
    changed = written | {name: data.draw(JSON)}
    try:
        path = SaddlePath.from_dict(changed)
    except ValueError:
        return
    again = path.to_dict()
    assert repr(again[name]) == repr(changed[name]) or name in ("message", "remaining")


@pytest.mark.parametrize("use", [SaddlePath.load, lambda file: SADDLE.save(file)])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "number"])
def test_what_is_no_file_is_named(use, kind, tmp_path):
    file = {"folder": tmp_path, "pipe": tmp_path / "pipe", "device": "/dev/full", "number": 3}[kind]
    if kind == "pipe":
        os.mkfifo(file)
    with pytest.raises(TypeError if kind == "number" else ValueError, match=f"file='?{file}'? "):
        use(file)


SADDLE = saddles.pesme_flammarion([[1.0]], [1.0])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nosuch"):
        SaddlePath.load(tmp_path / "nosuch.json")


def test_dense_points_of_very_many_features_are_written_in_full(tmp_path):
    """So that a file that names a billion features must hold them."""
    import dataclasses

    path = dataclasses.replace(SADDLE, betas=np.zeros((2, 60_000)))
    path.save(tmp_path / "wide.json")
    assert (tmp_path / "wide.json").stat().st_size > 2 * 60_000
    assert np.array_equal(SaddlePath.load(tmp_path / "wide.json").betas, path.betas)
