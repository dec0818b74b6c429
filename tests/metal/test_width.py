"""Two layers at the real width of gpt-oss-20b on Metal: prefill, then decode behind the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptoss_metal import Model
from gptoss_metal.convert import shape, write_random_model
from tests.logits.measures import difference

PROMPT = 129
ANSWER = 2
VOCAB = 512


@pytest.mark.long
@pytest.mark.parametrize("dense", ["bf16", "q8"])
def test_two_layers_of_20b(tmp_path: Path, dense: str) -> None:
    config = shape(num_hidden_layers=2, vocab_size=VOCAB, dense=dense)
    path = write_random_model(tmp_path / "wide.safetensors", config, dense=dense, seed=3)
    tokens = np.random.default_rng(1).integers(0, VOCAB, PROMPT + ANSWER).tolist()
    rows = []
    for backend in ("metal", "cpu"):
        session = Model.load(path, backend=backend, precision="exact").session(context=200)
        session.sync(tokens[:PROMPT])
        logits = [session.logits().copy()]
        for token in tokens[PROMPT:]:
            session.step(token)
            logits.append(session.logits().copy())
        rows.append(np.stack(logits))
    found = difference(rows[0], rows[1])
    print(f"\n20b width, exact {dense}, metal - cpu: {found}")
    assert found.largest <= 1e-3
    assert found.same_argmax
