"""Making model files: from gpt-oss checkpoints (``convert``) or of random weights.

>>> from gptoss_metal.convert import convert, describe, verify
>>> convert("openai/gpt-oss-20b", "gpt-oss-20b.safetensors")  # doctest: +SKIP

The format is specified in docs/MODEL_FILE.md.
"""

from gptoss_metal.config import Config

from .conversion import convert
from .random_model import SHAPES, shape, write_random_model
from .verify import describe, verify

__all__ = ["SHAPES", "Config", "convert", "describe", "shape", "verify", "write_random_model"]
