"""The C++ core: weights, sessions, sampling. Written in csrc/python."""

import builtins
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gptoss_metal.errors import Cancelled as Cancelled
from gptoss_metal.errors import Error as Error

Tokens = npt.NDArray[np.int32] | Sequence[int]

class Model:
    """Weights, read-only, shared by threads."""

    path: str
    config: dict[str, Any]
    metadata: dict[str, str]
    file_bytes: int
    precision: str
    isa: str
    threads: int
    backend: str
    device: str
    tensors: list[tuple[str, str, tuple[int, ...], int, int]]
    cache_bytes: int
    """Of KV pages, window rings and window states alive now, of all sessions and prefixes."""
    def __init__(
        self,
        path: str,
        precision: str = "default",
        threads: int = 0,
        isa: str = "",
        backend: str = "cpu",
    ) -> None: ...
    def tokenizer_bytes(self) -> bytes: ...
    def bytes_per_token(self) -> int: ...
    def session_bytes(self, context_tokens: int, chunk: int) -> int:
        """What a session that holds so many tokens takes of `cache_bytes`."""

class Prefix:
    """A computed token prefix that any session of its model can go on from. Immutable.

    Pages of full-attention layers are shared, and copied only by a session that must write them.
    Serialised parts are [layer, KV head, position, key 64 | value 64] of the layers concerned,
    little-endian float16 (float32 with precision "exact").
    """

    length: int
    tokens: npt.NDArray[np.int32]
    """[length]"""
    bytes: int
    """Of the window layers' state, without the shared pages."""
    page_positions: ClassVar[int]
    """Positions per page."""
    def page_count(self) -> int: ...
    def page(self, index: int) -> builtins.bytes:
        """Keys and values of all full layers; the last page perhaps holds fewer positions."""

    def window(self) -> builtins.bytes:
        """The window layers' state: their last positions."""

    @staticmethod
    def load(
        model: Model,
        tokens: Tokens,
        pages: Sequence[builtins.bytes],
        window: builtins.bytes,
    ) -> Prefix:
        """From what another Prefix gave; Error if sizes do not fit or a value is no number."""

class Session:
    """One token sequence with its cache."""

    length: int
    tokens: npt.NDArray[np.int32]
    context: int
    chunk: int
    bytes: int
    """Of its cache; shared pages count in full."""
    def __init__(self, model: Model, context: int = 0, chunk: int = 512) -> None: ...
    def sync(self, tokens: Tokens) -> int: ...
    def step(self, token: int) -> None: ...
    def rewind(self, length: int) -> None: ...
    def logits(self) -> npt.NDArray[np.float32]: ...
    def all_logits(self, tokens: Tokens) -> npt.NDArray[np.float32]: ...
    def checkpoint(self) -> Prefix:
        """Everything computed so far; cheap: shares pages, copies the window layers' state."""

    def restore(self, prefix: Prefix) -> None:
        """Becomes exactly that prefix; there are no logits until more is computed."""

    def cancel(self) -> None: ...

def advance(work: Sequence[tuple[Session, Tokens]]) -> None:
    """Appends tokens to each session and computes all of them in one forward pass.

    Afterwards logits() of each are those of its last token; on the CPU they do not depend, bit for
    bit, on what else is in the pass. Each item has 1 .. chunk tokens, no session comes twice, all
    are of one model. On an Error, or Cancelled (when any of them was), nothing has changed.
    """

class Sampler:
    """Picks tokens; deterministic for its seed and the order of calls."""

    def __init__(
        self,
        vocab: int,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int = 0,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        repetition_penalty: float = 1.0,
        logit_bias: Mapping[int, float] = ...,
    ) -> None: ...
    def sample(
        self, logits: npt.NDArray[np.float32], mask: npt.NDArray[np.uint32] | None = None
    ) -> int: ...
    def accept(self, token: int) -> None: ...

def logprobs(
    logits: npt.NDArray[np.float32], token: int, top: int
) -> tuple[float, list[tuple[int, float]]]: ...
def read_bandwidth(threads: int, bytes: int) -> float: ...
def backends() -> tuple[str, ...]: ...
def default_backend() -> str: ...

# The rest is in builds with the Metal backend only: where `backends()` has "metal".

Buffers = Mapping[int, npt.NDArray[Any] | list[npt.NDArray[Any]]]

class Launcher:
    """Runs single Metal kernels over copies of arrays; a list of arrays is a page table."""

    def __init__(self, dense_q8: bool, exact: bool) -> None: ...
    def run(self, kernel: str, args: bytes, buffers: Buffers, count: int) -> None: ...
    def max_threads(self, kernel: str) -> int: ...
    @staticmethod
    def kernels() -> list[str]: ...

def metal_device() -> dict[str, Any]: ...
def kernel_source() -> str: ...

softmetal: ModuleType
"""The controls of software Metal; only in builds with it (csrc/softmetal/README.md)."""
