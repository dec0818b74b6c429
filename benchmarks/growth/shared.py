"""What other benchmarks have that is used here.

mypy is given the folder benchmarks/ and names what is in it without that prefix; Python is started
in the folder above. So each name is imported twice, in this file only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch import Batches
    from peers.__main__ import facts_of_run
    from peers.build import ROOT, say
    from peers.model_file import ModelFile
    from peers.process import warm
    from peers.shapes import KV_BYTES, MXFP4_BYTES, layer_weights, seen
    from peers.shapes import SHAPES as PEERS_SHAPES
    from peers.summary import Figure
else:
    from benchmarks.batch import Batches
    from benchmarks.peers.__main__ import facts_of_run
    from benchmarks.peers.build import ROOT, say
    from benchmarks.peers.model_file import ModelFile
    from benchmarks.peers.process import warm
    from benchmarks.peers.shapes import KV_BYTES, MXFP4_BYTES, layer_weights, seen
    from benchmarks.peers.shapes import SHAPES as PEERS_SHAPES
    from benchmarks.peers.summary import Figure

__all__ = [
    "KV_BYTES",
    "MXFP4_BYTES",
    "PEERS_SHAPES",
    "ROOT",
    "Batches",
    "Figure",
    "ModelFile",
    "facts_of_run",
    "layer_weights",
    "say",
    "seen",
    "warm",
]
