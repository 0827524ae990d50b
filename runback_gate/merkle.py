"""A Merkle tree over entries (the lines of a record, the runs of an archive), and its proofs (RFC 6962, RFC 9162).

In: leaf hashes, one by one. Out: the root, and the hashes by which someone who holds only the root can check that a
leaf is in the tree, or that a smaller tree is the beginning of a larger one.

    tree = Tree()
    for entry in entries:
        tree.append(leaf_hash(entry))
    proof = range_hashes(map(leaf_hash, entries), inclusion_ranges(2, tree.size))
    inclusion_holds(2, tree.size, leaf_hash(entries[2]), proof, tree.root)

A tree keeps one hash for each bit of its size, so a million leaves need no more memory than ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runback_gate.canonical import sha256

Range = tuple[int, int]
"""The leaves from the first number up to, not including, the second."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of a zero byte and the entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees: SHA-256 of a byte 1 and both hashes."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows at its end."""

    def __init__(self) -> None:
        self.size = 0
        """Number of leaves."""
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        size = self.size
        while size & 1:
            leaf = sha256(b"\1" + self._peaks.pop() + leaf).digest()
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The hash of the whole tree; of an empty one SHA-256 of nothing."""
        if not self._peaks:
            return sha256(b"").digest()
        *higher, root = self._peaks
        for peak in reversed(higher):
            root = node_hash(peak, root)
        return root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove that leaf `index` is in a tree of `size` leaves, from the leaf upwards.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} of {size}")
    start, end, path = 0, size, list[Range]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees whose hashes prove that a tree of `old` leaves is the beginning of one of `new` leaves.

    Raises:
        ValueError: the old tree is empty, or larger than the new one.
    """
    if not 1 <= old <= new:
        raise ValueError(f"{old} leaves of {new}")
    start, end, path = 0, new, list[Range]()
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    # The whole old tree is known to whoever checks; a part of it is not.
    return [*([(start, end)] if start else []), *path[::-1]]


def range_hashes(leaves: Iterable[bytes], ranges: Sequence[Range]) -> list[bytes]:
    """The hash of each range, in the order given, in one pass over all leaf hashes; ranges do not overlap.

    Raises:
        ValueError: there are fewer leaves than the ranges need.
    """
    found: dict[Range, bytes] = {}
    source = enumerate(leaves)
    for start, end in sorted(ranges):
        tree = Tree()
        for number, leaf in source:
            if number >= start:
                tree.append(leaf)
            if number == end - 1:
                break
        if tree.size != end - start:
            raise ValueError(f"no leaf {end - 1}")
        found[start, end] = tree.root
    return [found[item] for item in ranges]


def inclusion_holds(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the proof leads from a leaf hash to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for item in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(item, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, item)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistency_holds(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the proof leads from one root to the other (RFC 9162, 2.1.4.2); nothing extends an empty tree."""
    if not 1 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    smaller = larger = path[0]
    for item in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            smaller, larger = node_hash(item, smaller), node_hash(item, larger)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            larger = node_hash(larger, item)
        at, last = at >> 1, last >> 1
    return last == 0 and smaller == old_root and larger == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`: where RFC 6962 divides a tree."""
    return int(1 << (size - 1).bit_length() - 1)
