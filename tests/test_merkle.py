"""The tree: known answers, and every proof of every tree of up to 64 leaves, beside a naive second implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.merkle import (
    Tree,
    consistency_holds,
    consistency_ranges,
    inclusion_holds,
    inclusion_ranges,
    leaf_hash,
    range_hashes,
)
from tests.naive import naive_root

ENTRIES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
"""The entries of the tests that certificate transparency logs share."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Root of the first n+1 of them."""
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MOST = 64


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The definition of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*naive_path(index, leaves[:half]), naive_root(leaves[half:])]
    return [*naive_path(index - half, leaves[half:]), naive_root(leaves[:half])]


def naive_proof(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """The definition of RFC 6962, 2.1.2."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old <= half:
        return [*naive_proof(old, leaves[:half], whole=whole), naive_root(leaves[half:])]
    return [*naive_proof(old - half, leaves[half:], whole=False), naive_root(leaves[:half])]


def grown(leaves: list[bytes]) -> Tree:
    """A tree of these leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


LEAVES = [leaf_hash(b"%d" % number) for number in range(MOST)]


def test_known_answers() -> None:
    """The roots are those that every log of certificates gives."""
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    assert Tree().root.hex() == EMPTY
    assert [grown(leaves[: n + 1]).root.hex() for n in range(len(leaves))] == ROOTS


def test_known_proofs() -> None:
    """Paths and proofs that were published with the same entries."""
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    path = range_hashes(leaves, inclusion_ranges(0, 8))
    assert [item.hex()[:8] for item in path] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    proof = range_hashes(leaves, consistency_ranges(6, 8))
    assert [item.hex()[:8] for item in proof] == ["0ebc5d34", "ca854ea1", "d37ee418"]


@given(st.lists(st.binary(max_size=8), max_size=200))
def test_roots_are_those_of_the_definition(entries: list[bytes]) -> None:
    """A tree that grows leaf by leaf has the root of the recursive definition."""
    leaves = [leaf_hash(entry) for entry in entries]
    assert (grown(leaves).root, grown(leaves).size) == (naive_root(leaves), len(leaves))


SIZES = [
    pytest.param(size, marks=[] if size < 20 or size in (31, 32, 33, MOST) else [pytest.mark.slow])
    for size in range(1, MOST + 1)
]
"""Every size; those that have no shape of their own are tried where there is time."""


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof(size: int) -> None:
    """For each leaf of each tree: the proof is that of the definition, holds, and holds for nothing else."""
    leaves = LEAVES[:size]
    root = naive_root(leaves)
    for index in range(size):
        proof = range_hashes(leaves, inclusion_ranges(index, size))
        assert proof == naive_path(index, leaves)
        assert inclusion_holds(index, size, leaves[index], proof, root)
        assert not inclusion_holds(index, size, leaves[(index + 1) % size], proof, root) or size == 1
        assert not inclusion_holds(index, size, leaves[index], [*proof, root], root)
        assert not inclusion_holds(index, size, leaves[index], proof, leaf_hash(root))
        assert not any(
            inclusion_holds(other, size, leaves[index], proof, root) for other in range(size) if other != index
        )
        if proof:
            assert not inclusion_holds(index, size, leaves[index], proof[:-1], root)
            assert not inclusion_holds(index, size, leaves[index], [*proof[:-1], leaf_hash(proof[-1])], root)


@pytest.mark.parametrize("new", SIZES)
def test_every_consistency_proof(new: int) -> None:
    """For each beginning of each tree: the proof is that of the definition, holds, and holds for nothing else."""
    leaves = LEAVES[:new]
    root = naive_root(leaves)
    for old in range(1, new + 1):
        before = naive_root(leaves[:old])
        proof = range_hashes(leaves, consistency_ranges(old, new))
        assert proof == naive_proof(old, leaves)
        assert consistency_holds(old, new, before, root, proof)
        assert not consistency_holds(old, new, leaf_hash(before), root, proof)
        assert not consistency_holds(old, new, before, leaf_hash(root), proof)
        assert not consistency_holds(old, new, before, root, [*proof, root])
        if proof:
            assert not consistency_holds(old, new, before, root, proof[:-1])
            assert not consistency_holds(old, new, before, root, [leaf_hash(proof[0]), *proof[1:]])


@given(st.integers(-2, 70), st.integers(-2, 70), st.lists(st.sampled_from(LEAVES), max_size=8))
def test_any_proof_gives_an_answer(index: int, size: int, proof: list[bytes]) -> None:
    """Whatever somebody hands in as a proof, the answer is yes or no; made up hashes prove nothing."""
    assert not inclusion_holds(index, size, LEAVES[0], proof, leaf_hash(b"root"))
    assert not consistency_holds(index, size, LEAVES[0], leaf_hash(b"root"), proof)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """To ask for one is an error."""
    with pytest.raises(ValueError, match=f"leaf {index} of {size}"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4)])
def test_there_is_no_proof_of_a_beginning_that_is_none(old: int, new: int) -> None:
    """An empty tree, and one that is larger, begin nothing."""
    with pytest.raises(ValueError, match=f"{old} leaves of {new}"):
        consistency_ranges(old, new)


def test_a_range_needs_its_leaves() -> None:
    """Fewer leaves than the ranges name are an error, not another hash."""
    with pytest.raises(ValueError, match="no leaf 7"):
        range_hashes(LEAVES[:7], [(4, 8)])
