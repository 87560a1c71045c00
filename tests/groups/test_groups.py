"""Groups from their tables: what their irreps must obey, which tables are none."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saddles.groups import Group, alternating, cyclic, dihedral, quaternion, symmetric
from tests.groups.some_groups import GROUPS, group_named, relabelled

#: Products of unitary matrices that eigenvectors give.
ROUNDING = 1e-13


@pytest.mark.parametrize("name", GROUPS)
def test_irreps_are_unitary_homomorphisms_and_there_are_all_of_them(name):
    group, kinds = group_named(name), GROUPS[name][1]
    assert " ".join(f"{irrep.dim}{irrep.kind[0]}" for irrep in group.irreps) == kinds
    for irrep in group.irreps:
        rho = irrep.matrices
        for g in range(group.order):
            assert np.abs(rho[g] @ rho - rho[group.table[g]]).max() <= ROUNDING
        assert np.abs(rho @ rho.conj().swapaxes(1, 2) - np.eye(irrep.dim)).max() <= ROUNDING
        assert np.abs(np.trace(rho, axis1=1, axis2=2) - irrep.character).max() <= ROUNDING
        assert np.isrealobj(rho) == (irrep.kind == "real")
    characters = np.array([irrep.character for irrep in group.irreps])
    fields = [irrep.field_dim for irrep in group.irreps]
    # Orthogonal, those of complex type to the conjugates of all, too.
    for other in (characters.conj(), characters):
        products = characters @ other.T / group.order
        products -= np.diag(np.diag(products))
        assert np.abs(products).max() <= ROUNDING
    assert sum(f * irrep.size**2 for f, irrep in zip(fields, group.irreps, strict=True)) == (
        group.order
    )
    assert [irrep.real_dim for irrep in group.irreps] == [
        irrep.size * f for f, irrep in zip(fields, group.irreps, strict=True)
    ]


@given(name=st.sampled_from(sorted(GROUPS)[:-2]), seed=st.integers(0, 99))
def test_functions_are_the_sum_of_their_parts(name, seed):
    group = group_named(name)
    x = np.random.default_rng(seed).standard_normal(group.order)
    parts = np.array([group.project(x, i) for i in range(len(group.irreps))])
    assert parts.sum(axis=0) == pytest.approx(x, abs=ROUNDING * group.order)
    assert parts @ parts.T == pytest.approx(2 * np.diag(group.power(x)), abs=ROUNDING * group.order)
    inverse = [
        irrep.dim
        * (1 + (irrep.kind == "complex"))
        * np.einsum("gij,ij->g", irrep.matrices.conj(), matrix).real
        for irrep, matrix in zip(group.irreps, group.fourier(x), strict=True)
    ]
    assert np.sum(inverse, axis=0) / group.order == pytest.approx(x, abs=ROUNDING * group.order)


@given(name=st.sampled_from(["Z_6", "S_3", "Q_8", "A_4", "SL(2,3)"]), seed=st.integers(0, 99))
def test_powers_do_not_depend_on_the_order_of_the_elements(name, seed):
    group, rng = group_named(name), np.random.default_rng(seed)
    order = rng.permutation(group.order)
    x = rng.standard_normal(group.order)
    moved = relabelled(group, order)
    assert sorted(moved.power(x[order])) == pytest.approx(sorted(group.power(x)), abs=1e-12)


def test_irreps_come_in_the_same_order_for_every_group_that_is_the_same():
    """Those of cyclic groups by frequency: 0, the Nyquist one, then 1, 2, ..."""
    turns = np.array([irrep.character[1] for irrep in cyclic(8).irreps])
    assert turns == pytest.approx(np.exp(2j * np.pi * np.array([0, 4, 1, 2, 3]) / 8))
    one, other = symmetric(4), Group(symmetric(4).table)
    for irrep, same in zip(one.irreps, other.irreps, strict=True):
        assert irrep == same


def test_families_have_their_orders_and_products():
    assert [symmetric(m).order for m in range(1, 6)] == [1, 2, 6, 24, 120]
    assert [alternating(m).order for m in range(1, 6)] == [1, 1, 3, 12, 60]
    group = dihedral(4)
    turn, flip = group.elements.index((1, 0)), group.elements.index((0, 1))
    assert group.elements[group.table[flip, turn]] == (3, 1)
    assert group.table[flip, flip] == group.identity == 0
    names = quaternion().elements
    assert names[quaternion().table[1, 2]] == "k"
    assert names[quaternion().table[2, 1]] == "-k"
    assert names[quaternion().table[3, 3]] == "-1"
    swap, turn = (1, 0, 2), (1, 2, 0)
    S3 = symmetric(3)
    product = S3.table[S3.elements.index(swap), S3.elements.index(turn)]
    assert S3.elements[product] == tuple(swap[i] for i in turn)
    assert (cyclic(2, 3).table == (cyclic(2) * cyclic(3)).table).all()
    assert cyclic(2, 3).elements[4] == (1, 1)
    assert repr(cyclic(2, 3)) == "Group(name='Z_2 × Z_3', order=6)"
    assert (S3.table[np.arange(6), S3.inverse] == S3.identity).all()


@pytest.mark.parametrize(
    "make", [lambda: alternating(6), pytest.param(lambda: cyclic(360), marks=pytest.mark.slow)]
)
def test_order_360_takes_seconds(make):
    group, start = make(), time.process_time()
    irrep = group.irreps[-1]
    assert time.process_time() - start <= 10
    some = irrep.matrices[7] @ irrep.matrices
    assert np.abs(some - irrep.matrices[group.table[7]]).max() <= ROUNDING


def latin():
    """A loop that is no group: rows and columns are permutations, and 0 is an identity."""
    rows = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]
    return np.array(rows)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([[0, 1]], "square"),
        ([[0, 1], [1, 2]], r"table\[1, 1\]=2.0: the group is not closed"),
        ([[0, 1], [1, 0.5]], r"table\[1, 1\]=0.5"),
        ([[0, 1], [1, -1]], r"table\[1, 1\]=-1"),
        ([[0, 1], [1, 1]], "1·0 = 1·1 = 1, so 1 has no inverse"),
        ([[0, 1], [0, 1]], "0·0 = 1·0 = 0, so 0 has no inverse"),
        ([[1, 0, 2], [0, 2, 1], [2, 1, 0]], "no identity: no element e"),
        ([[0, 1, 2], [2, 0, 1], [1, 2, 0]], "no identity: 0·h = h for all h, but 1·0 = 2"),
        (latin(), r"not associative: \(1·1\)·2 = 2, but 1·\(1·2\) = 4"),
        ([], "2 axes"),
        ([[0, np.nan], [1, 0]], "not finite"),
        (np.add.outer(np.arange(2001), np.arange(2001)) % 2001, "at most 2000"),
    ],
)
def test_tables_that_are_no_group_are_told_why(table, words):
    with pytest.raises(ValueError, match=words):
        Group(table)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"generators\[1\].*no permutation of 0 to 2"):
        Group.from_permutations([[0, 1, 2], [0, 1, 1]])
    with pytest.raises(ValueError, match="equally many"):
        Group.from_permutations([[0, 1, 2], [1, 0]])
    with pytest.raises(ValueError, match="one or more"):
        Group.from_permutations([])
    with pytest.raises(ValueError, match="more than 2000"):
        Group.from_permutations([[1, 2, 3, 4, 5, 6, 0], [1, 0, 2, 3, 4, 5, 6]])
    with pytest.raises(ValueError, match="m=7"):
        symmetric(7)
    with pytest.raises(ValueError, match="pass one modulus"):
        cyclic()
    with pytest.raises(ValueError, match="orders=0"):
        cyclic(0)
    with pytest.raises(ValueError, match="has 1 labels"):
        Group([[0, 1], [1, 0]], ("a",))
    with pytest.raises(ValueError, match="irrep=2"):
        cyclic(2).project([1.0, 0.0], 2)
    with pytest.raises(ValueError, match="length 3"):
        cyclic(2).fourier([1.0, 0.0, 0.0])
    with pytest.raises(TypeError):
        cyclic(2) * 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: cyclic(10**9),
        lambda: dihedral(10**9),
        lambda: cyclic(50, 50),
        lambda: cyclic(50) * cyclic(50),
    ],
)
def test_groups_that_are_too_large_are_refused_before_their_table_is_made(make):
    with pytest.raises(ValueError, match="at most 2000; take a smaller one"):
        make()


def test_what_is_no_list_is_named():
    with pytest.raises(TypeError, match="elements=5 must be a list of labels"):
        Group([[0]], 5)
    with pytest.raises(TypeError, match="generators=3 must be a list of permutations"):
        Group.from_permutations(3)
