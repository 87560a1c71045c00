"""One door for everything array-like: other people's arrays are read like NumPy's, or refused."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import saddles
from saddles import agf, checks, conserved, flow, implicit_bias, kernel, neuron

# Small whole numbers, so that every type of number holds them exactly.
X = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0], [1.0, -1.0, 1.0]])
Y = np.array([4.0, -3.0, 1.0, 2.0])
SQUARE = np.array([[2.0, 1.0], [1.0, 3.0]])
W = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])


def unaligned(array):
    """The same numbers, one byte behind where the processor wants them."""
    memory = np.frombuffer(b"x" + np.ascontiguousarray(array).tobytes(), np.uint8)[1:]
    return memory.view(array.dtype).reshape(array.shape)


def spread(array):
    """The same numbers, with gaps and backwards in memory."""
    wide = np.zeros(tuple(3 * size for size in array.shape))
    part = wide[tuple(slice(None, None, 3) for _ in array.shape)][::-1]
    part[...] = array
    return part


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def framed(array):
    return pd.DataFrame(array) if array.ndim == 2 else pd.Series(array)


class Foreign:
    """What other libraries' frames offer: polars, pyarrow, xarray, JAX."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


KINDS = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "tensor": torch.tensor,
    "tensor with a gradient": lambda a: torch.tensor(a, requires_grad=True),
    "bfloat16": lambda a: torch.tensor(a).bfloat16(),
    "whole tensor": lambda a: torch.tensor(a).int(),
    "list of tensors": lambda a: list(torch.tensor(a, requires_grad=True)),
    "lazily negated": lambda a: torch._neg_view(-torch.tensor(a)),
    "frame": framed,
    "nullable frame": lambda a: framed(a).astype("Float64"),
    "nullable whole frame": lambda a: framed(a).astype("Int64"),
    "foreign": Foreign,
    "whole": lambda a: a.astype(int),
    "small whole": lambda a: a.astype(np.int8),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "other byte order, single": lambda a: a.astype(np.dtype("f4").newbyteorder()),
    "half": lambda a: a.astype(np.float16),
    "extended": lambda a: a.astype(np.longdouble),
    "column-major": np.asfortranarray,
    "spread": spread,
    "unaligned": unaligned,
    "read-only": read_only,
}

# Public functions of array-likes, each as a function of them that returns numbers.
USES = {
    "pesme_flammarion": (lambda X, y: saddles.pesme_flammarion(X, y).betas, X, Y),
    "agf.diagonal": (lambda X, y: agf.diagonal(X, y).times, X, Y),
    "Regression": (lambda X, y: saddles.Regression(X, y, sample_weight=[1, 2, 1, 1]).X, X, Y),
    "loss": (lambda X, b: saddles.Regression(X, Y).loss(b), X, Y[:3]),
    "from_gram": (
        lambda G, b: saddles.Regression.from_gram(G, b, 30.0, 4).loss(np.zeros(2)),
        SQUARE,
        Y[:2],
    ),
    "flow.diagonal": (lambda X, y: flow.diagonal(X, y, log_alpha=-9.0).jumps().times, X, Y),
    "flow.linear": (lambda S, T: flow.linear(S, T, log_alpha=-9.0).at(1.0), SQUARE, SQUARE),
    "greedy_low_rank": (
        lambda M, t: saddles.greedy_low_rank(saddles.FullMatrix(M)).at(t)[-1],
        SQUARE,
        Y[:1],
    ),
    "agf.relu": (lambda X, y: agf.relu(X, y, width=2, max_jumps=1).losses, X, Y),
    "implicit_bias.l1": (lambda X, y: implicit_bias.l1(X, y).beta, X[:2], Y[:2]),
    "neuron.exact": (lambda b, w: neuron.exact(b, 1.0, w).beta(1.0), Y, X[:, 0]),
    "neuron.limit": (lambda X, y: neuron.limit(X, y, a0=1.0, w0=X[0]).beta, X, Y),
    "neuron.kernel": (lambda X, w: neuron.kernel(X, 2.0, w), X, Y[:3]),
    "neuron.conserved": (lambda w, a: neuron.conserved(a, w), X, Y),
    "kernel.relu": (lambda X, a: kernel.relu(X, W, a), X, Y[:2]),
    "kernel.linear": (lambda W, a: kernel.linear(X, W, a), W, Y[:2]),
    "kernel.distance": (
        lambda K, y: kernel.centred(K) + kernel.Evolution(K3).alignment(y),
        SQUARE,
        Y[:2],
    ),
    "kernel.empirical": (lambda X, Z: kernel.empirical(NET, X, others=X), X, Y),
    "conserved": (
        lambda W, a: conserved.rescaling("W", "a").act({"W": W, "a": a}, [1.0, 0.5])["W"],
        W,
        Y[:2],
    ),
    "physical_times": (lambda X, t: saddles.pesme_flammarion(X, Y).at(t), X, np.array([1.0])),
}
NET = torch.nn.Linear(3, 2)
K3 = np.array([SQUARE])


#: Those that NumPy cannot read by itself, or reads as something else: tried everywhere.
FOREIGN = ["tensor with a gradient", "bfloat16", "list of tensors", "nullable frame"]
PAIRS = [(use, kind) for use in USES for kind in FOREIGN]
PAIRS += [(use, kind) for use in ("pesme_flammarion", "loss", "kernel.relu") for kind in KINDS]


@pytest.mark.parametrize(("use", "kind"), sorted(set(PAIRS)))
def test_other_peoples_arrays_are_read_like_numpys(use, kind):
    call, *arrays = USES[use]
    if use in {"neuron.limit", "physical_times"}:
        arrays[1] = np.asarray(arrays[1])
        found = call(arrays[0], KINDS[kind](arrays[1]))
    else:
        found = call(*(KINDS[kind](array) for array in arrays))
    wanted = call(*arrays)
    np.testing.assert_allclose(dense(found), dense(wanted), rtol=1e-9, atol=1e-9)


def dense(value):
    return value.toarray() if hasattr(value, "toarray") else np.asarray(value)


WRONG = {
    "complex tensor": (torch.tensor(X) * 1j, TypeError, "has dtype complex128"),
    "sparse tensor": (torch.tensor(X).to_sparse(), TypeError, r"is sparse; .*X\.to_dense\(\)"),
    "tensor without numbers": (torch.empty(4, 3, device="meta"), TypeError, "holds its numbers"),
    "ragged tensors": ([torch.tensor(X[0]), torch.ones(2)], ValueError, "is ragged"),
    "missing": (
        framed(X).astype("Float64").where(X != 3),
        ValueError,
        r"\[1, 1\]=nan is not finite; remove or impute",
    ),
    "text column": (framed(X).assign(name="a"), TypeError, "has dtype object"),
    "truth column": (framed(X).assign(seen=True), TypeError, "has dtype object"),
    "refusing": (
        type("Refusing", (), {"__array__": lambda self, *a, **k: 1 / 0})(),
        TypeError,
        "cannot be read as an array: division by zero; convert it to a NumPy array",
    ),
}


@pytest.mark.parametrize(("value", "error", "words"), WRONG.values(), ids=WRONG)
def test_what_holds_no_real_numbers_is_refused_by_name(value, error, words):
    with pytest.raises(error, match=f"^X.*{words}"):
        saddles.pesme_flammarion(value, Y)


def test_losses_and_coefficients_may_be_tensors_with_gradients():
    path = saddles.pesme_flammarion(np.eye(2), [1.0, 0.5])
    time = np.linspace(0, 8, 200)
    loss = np.array([path.losses[np.searchsorted(path.times, t, side="right") - 1] for t in time])
    tensors = [torch.tensor(value, requires_grad=True) for value in loss]
    found = saddles.compare_run(path, {"time": 20 * time, "loss": tensors}, log_alpha=-20.0)
    wanted = saddles.compare_run(path, {"time": 20 * time, "loss": loss}, log_alpha=-20.0)
    assert (found.measured == wanted.measured).all()
    with pytest.raises(TypeError, match=r"^loss=.* entries must be real numbers"):
        saddles.compare_run(path, {"time": time, "loss": [object()] * 200}, log_alpha=-20.0)
    assert checks.real_number(torch.tensor(0.5, requires_grad=True), "x", "", math.isfinite) == 0.5


# --- malformed sparse arrays ------------------------------------------------------------------

SPARSE = r"X=.* is a malformed sparse array \(.*\); build it again from its entries"


def spoilt(kind, part, where, value):
    """A sparse array one of whose own arrays holds a wrong number."""
    array = getattr(sparse, f"{kind}_array")(X)
    np.ravel(getattr(array, part))[where] = value
    return array


@pytest.mark.parametrize("kind", ["csr", "csc"])
@given(st.sampled_from(["indices", "indptr"]), st.integers(0, 3), st.sampled_from([-9, 10, 2**30]))
def test_indices_beyond_the_shape_are_refused_and_not_followed(kind, part, where, value):
    with pytest.raises(ValueError, match=SPARSE):
        saddles.pesme_flammarion(spoilt(kind, part, where, value), Y)


MALFORMED = {
    "bsr": lambda: spoilt("bsr", "indices", 0, 99),
    "coo rows": lambda: spoilt_coordinates(0, 99),
    "coo columns": lambda: spoilt_coordinates(1, -5),
    "lil": lambda: spoilt_rows(),
    "entries that are missing": lambda: shortened(),
}


def spoilt_coordinates(axis, value):
    array = sparse.coo_array(X)
    array.coords[axis][1] = value
    return array


def spoilt_rows():
    array = sparse.lil_array(X)
    array.rows[0][0] = 77
    return array


def shortened():
    array = sparse.csr_array(X)
    array.data = array.data[:2]
    return array


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_arrays_of_every_format_are_refused(kind):
    with pytest.raises(ValueError, match=SPARSE):
        saddles.pesme_flammarion(MALFORMED[kind](), Y)


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "lil", "dok", "dia"])
def test_sound_arrays_of_every_format_are_taken_and_left_alone(kind):
    array = getattr(sparse, f"{kind}_array")(X)
    before = array.toarray()
    path = saddles.pesme_flammarion(array, Y)
    np.testing.assert_allclose(path.times, saddles.pesme_flammarion(X, Y).times, rtol=1e-12)
    assert (array.toarray() == before).all()


def test_nothing_heavy_is_imported_to_read_arrays():
    script = (
        "import sys, numpy, saddles; saddles.pesme_flammarion(numpy.eye(2), [1.0, 2.0]);"
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
