"""An index of token sequences by their prefixes: a path-compressed tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from gptoss_metal.sessions import common_prefix

Tokens = npt.NDArray[np.int32]
V = TypeVar("V")


class Place(Generic[V]):
    """A node: `edge` leads to it from its parent; `values` holds its value, or nothing."""

    __slots__ = ("children", "edge", "parent", "values")

    def __init__(self, edge: Tokens, parent: Place[V] | None) -> None:
        self.edge = edge
        self.parent = parent
        self.children: dict[int, Place[V]] = {}
        self.values: list[V] = []

    def tokens(self) -> Tokens:
        """The sequence that ends here, int32 [n], as long as it has a value."""
        edges = [self.edge]
        node = self.parent
        while node is not None:
            edges.append(node.edge)
            node = node.parent
        return np.concatenate(edges[::-1])


class Radix(Generic[V]):
    """Maps token sequences to values, and finds those that begin a given sequence.

    Sequences are int32 [n], n ≥ 1, and are copied. One thread at a time.
    """

    def __init__(self) -> None:
        self._root: Place[V] = Place(np.zeros(0, np.int32), None)
        self._size = 0

    def __len__(self) -> int:
        """How many sequences have a value."""
        return self._size

    def get(self, tokens: Tokens) -> V | None:
        """The value of exactly this sequence."""
        node, used = self._walk(tokens)[-1]
        return node.values[0] if used == len(tokens) and node.values else None

    def prefixes(self, tokens: Tokens, shorter_than: int) -> Iterator[tuple[int, V]]:
        """Lengths and values of the stored prefixes of `tokens`, the longest first.

        Args:
            tokens: [n] the sequence.
            shorter_than: only prefixes of fewer tokens.
        """
        for node, used in reversed(self._walk(tokens)):
            if node.values and used < shorter_than:
                yield used, node.values[0]

    def put(self, tokens: Tokens, value: V) -> Place[V]:
        """Sets the value of a sequence; returns its place, which spells it with little memory."""
        node, used = self._walk(tokens)[-1]
        rest = np.array(tokens[used:], np.int32)
        if len(rest):
            branch = node.children.get(int(rest[0]))
            if branch is not None:  # the edge goes on with other tokens, or further: split it
                node = self._split(branch, common_prefix(branch.edge, rest))
                rest = rest[len(node.edge) :]
        if len(rest):
            leaf = Place(rest, node)
            node.children[int(rest[0])] = leaf
            node = leaf
        self._size += not node.values
        node.values = [value]
        return node

    def remove(self, tokens: Tokens) -> None:
        """Forgets a sequence's value, if it has one."""
        node, used = self._walk(tokens)[-1]
        if used != len(tokens) or not node.values:
            return
        node.values = []
        self._size -= 1
        parent = node.parent
        if not node.children and parent is not None:
            del parent.children[int(node.edge[0])]
            node = parent
        self._join(node)

    def values(self) -> Iterator[V]:
        """All values, in no particular order."""
        stack = [self._root]
        while stack:
            node = stack.pop()
            stack.extend(node.children.values())
            yield from node.values

    def nodes(self) -> int:
        """How many nodes the tree has; at most twice the sequences, and one."""
        stack, count = [self._root], 0
        while stack:
            stack.extend(stack.pop().children.values())
            count += 1
        return count

    def _walk(self, tokens: Tokens) -> list[tuple[Place[V], int]]:
        """The nodes on the way along `tokens`, each with its depth in tokens."""
        node, used = self._root, 0
        path = [(node, used)]
        while used < len(tokens):
            child = node.children.get(int(tokens[used]))
            if child is None:
                break
            end = used + len(child.edge)
            if not np.array_equal(child.edge, tokens[used:end]):
                break
            node, used = child, end
            path.append((node, used))
        return path

    def _split(self, node: Place[V], at: int) -> Place[V]:
        """Puts a node into the edge to `node`, `at` tokens along it."""
        parent = node.parent
        assert parent is not None
        upper = Place(node.edge[:at], parent)
        parent.children[int(node.edge[0])] = upper
        node.edge = node.edge[at:]
        node.parent = upper
        upper.children[int(node.edge[0])] = node
        return upper

    def _join(self, node: Place[V]) -> None:
        """Takes a node without value and with one child out of the tree."""
        parent = node.parent
        if parent is None or node.values or len(node.children) != 1:
            return
        (child,) = node.children.values()
        child.edge = np.concatenate([node.edge, child.edge])
        child.parent = parent
        parent.children[int(node.edge[0])] = child
