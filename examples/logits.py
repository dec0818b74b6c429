"""Logits as arrays: which tokens are likely next, and how likely a text is.

    python examples/logits.py [MODEL]

`Model.logits` returns a numpy array [tokens, vocabulary]; torch.from_dlpack and mlx take it, too.
"""

import sys

import numpy as np

from gptoss_metal import Model

TEXT = "<|start|>user<|message|>What is 27 + 15?<|end|><|start|>assistant<|channel|>"


def main() -> None:
    model = Model.load(sys.argv[1] if len(sys.argv) > 1 else "demo")
    tokens = model.vocabulary.encode(TEXT, specials=True)
    logits = model.logits(tokens).astype(np.float64)
    logprobs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    for token in np.argsort(-logprobs[-1])[:5]:
        print(f"{np.exp(logprobs[-1, token]):.3f} {model.vocabulary.text([int(token)])!r}")
    told = logprobs[np.arange(len(tokens) - 1), tokens[1:]]
    print(f"mean log-probability of the text: {told.mean():.3f}")


if __name__ == "__main__":
    main()
