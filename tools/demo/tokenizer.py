"""The Hugging Face tokenizer files of gpt-oss, rebuilt from the vocabulary's ranks."""

from __future__ import annotations

import vocabulary

from gptoss_metal.harmony.tokens import START_OF_TEXT

# o200k_base's pre-tokenizer: words with at most one leading sign and an English contraction,
# up to three digits, runs of signs, line ends, white space.
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD = r"[^\r\n\p{L}\p{N}]?"
PATTERN = "|".join(
    (
        f"{LEAD}{UPPER}*{LOWER}+{CONTRACTION}",
        f"{LEAD}{UPPER}+{LOWER}*{CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


def byte_letters() -> list[str]:
    """Return the printable character that stands for each byte in byte-level BPE files.

    Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 upwards, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters, extra = [], 0x100
    for byte in range(256):
        if byte in printable:
            letters.append(chr(byte))
        else:
            letters.append(chr(extra))
            extra += 1
    return letters


def merges(tokens: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return every pair of tokens that makes another token, in the order of merging.

    tiktoken merges the adjacent pair whose union has the lowest rank, so each way to split a
    token into two tokens is a merge with that token's priority.
    """
    rank = {token: number for number, token in enumerate(tokens)}
    pairs: list[tuple[bytes, bytes]] = []
    for token in tokens:
        splits = []
        for cut in range(1, len(token)):
            left, right = rank.get(token[:cut]), rank.get(token[cut:])
            if left is not None and right is not None:
                splits.append((left, right))
        pairs += [(tokens[left], tokens[right]) for left, right in sorted(splits)]
    return pairs


def special_tokens() -> list[dict[str, object]]:
    """Return the entries of ids 199998 .. 201087; those without a name are reserved."""
    entries: list[dict[str, object]] = []
    for number in range(START_OF_TEXT, vocabulary.VOCAB_SIZE):
        content = vocabulary.SPECIAL_NAMES.get(number, f"<|reserved_{number}|>")
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        entries.append({"id": number, "content": content, **flags, "special": True})
    return entries


def tokenizer_json() -> dict[str, object]:
    """Return the content of tokenizer.json."""
    tokens = vocabulary.ranks()
    letters = byte_letters()

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    spelled = [spell(token) for token in tokens]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special_tokens(),
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": PATTERN},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {**byte_level, "use_regex": False},
            ],
        },
        "post_processor": {**byte_level, "use_regex": True, "trim_offsets": False},
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {text: number for number, text in enumerate(spelled)},
            "merges": [[spell(left), spell(right)] for left, right in merges(tokens)],
        },
    }


def tokenizer_config() -> dict[str, object]:
    """Return the content of tokenizer_config.json."""
    decoder = {str(e["id"]): {k: v for k, v in e.items() if k != "id"} for e in special_tokens()}
    return {
        "added_tokens_decoder": decoder,
        "bos_token": "<|startoftext|>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|return|>",
        "extra_special_tokens": {},
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 131072,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
