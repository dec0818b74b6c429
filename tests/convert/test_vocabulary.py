"""The vocabulary tensor: the bytes of o200k_base.tiktoken, from whichever file holds them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from safetensors import safe_open

from gptoss_metal.convert import convert, describe
from gptoss_metal.convert.vocabulary import byte_spellings, find_vocabulary
from gptoss_metal.errors import Error
from tests.convert.checkpoints import edit_config, o200k_base


def bytes_to_unicode() -> dict[int, str]:
    """Return GPT-2's spelling of bytes, by transformers."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode as spelling

    return dict(spelling())  # type: ignore[no-untyped-call]


SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


@pytest.fixture(scope="module")
def vocab() -> dict[str, int]:
    """Return model.vocab of gpt-oss's tokenizer.json, in an order that is not that of the ranks."""
    spelling = bytes_to_unicode()
    lines = [line.split() for line in o200k_base().splitlines()]
    pairs = [("".join(spelling[b] for b in base64.b64decode(t)), int(rank)) for t, rank in lines]
    return dict(sorted(pairs))


def write_tokenizer(path: Path, vocab: Mapping[str, object]) -> Path:
    """Write a tokenizer.json with special tokens beside the vocabulary."""
    added = [{"id": 199999, "content": "<|endoftext|>", "special": True}]
    path.write_text(json.dumps({"added_tokens": added, "model": {"type": "BPE", "vocab": vocab}}))
    return path


def stored(path: Path) -> bytes:
    """Return the bytes of a model file's vocabulary."""
    with safe_open(path, "np") as file:
        return bytes(file.get_tensor("tokenizer.o200k_base").tobytes())


def test_byte_spellings_are_gpt2s() -> None:
    spelling = bytes_to_unicode()
    assert byte_spellings() == [spelling[byte] for byte in range(256)]


def test_tokenizer_json_gives_the_exact_file(
    copied: Path, target: Path, vocab: dict[str, int]
) -> None:
    write_tokenizer(copied / "tokenizer.json", vocab | {"<|special|>": 200000})
    convert(copied, target)
    assert hashlib.sha256(stored(target)).hexdigest() == SHA256
    assert describe(target)["vocabulary"] is True
    convert(copied / "original", target, overwrite=True)
    assert stored(target) == o200k_base(), "found in the parent of original/"


def test_tiktoken_file(copied: Path, tmp_path: Path, target: Path) -> None:
    path = tmp_path / "o200k_base.tiktoken"
    path.write_bytes(o200k_base())
    convert(copied, target, tokenizer=path)
    assert stored(target) == o200k_base()
    path.rename(copied / path.name)
    convert(copied, target, overwrite=True)
    assert stored(target) == o200k_base()


def test_other_vocabularies(copied: Path, target: Path, vocab: dict[str, int]) -> None:
    path = copied / "tokenizer.json"
    tokens = list(vocab)
    swapped = vocab | {tokens[5]: vocab[tokens[6]], tokens[6]: vocab[tokens[5]]}
    for wrong in (swapped, {}, {tokens[0]: True}):
        write_tokenizer(path, wrong)
        with pytest.raises(Error, match=r"tokenizer\.json is not the vocabulary of gpt-oss"):
            convert(copied, target)
    write_tokenizer(path, {"日本": 3})
    with pytest.raises(Error, match=r"tokenizer\.json: token 3 is not spelled in bytes"):
        convert(copied, target)
    path.write_text('{"model": []}')
    with pytest.raises(Error, match=r"tokenizer\.json has no model\.vocab"):
        convert(copied, target)
    path.write_text("{")
    with pytest.raises(Error, match=r"tokenizer\.json is not valid JSON"):
        convert(copied, target)
    with pytest.raises(Error, match=r"cannot read .*nowhere\.tiktoken: No such file"):
        convert(copied, target, tokenizer=copied / "nowhere.tiktoken")
    with pytest.raises(Error, match=r"config\.json has no model\.vocab"):
        convert(copied, target, tokenizer=copied / "config.json")
    assert list(target.parent.iterdir()) == []


def test_missing_vocabulary(copied: Path, target: Path) -> None:
    convert(copied, target)
    assert stored(target) == b"", "512 rows have no room for harmony's tokens"
    assert find_vocabulary([copied], None, 200012) == b""
    edit_config(copied, vocab_size=201088)
    with pytest.raises(Error, match=r"has no tokenizer\.json\. Try: --tokenizer with the path"):
        convert(copied, target, overwrite=True)
