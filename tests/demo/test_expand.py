"""From a trained checkpoint to the stored file to an ordinary Hugging Face checkpoint."""

from __future__ import annotations

import json
import random

import expand
import export
import mxfp4
import numpy as np
import pytest
import tensorfile
import torch
import vocabulary
from generator import Setting, noise_words, random_dialogue, random_setting
from generator.dialogue import IDENTITY
from safetensors import safe_open
from tokenizers import Tokenizer
from trainer.checkpoint import load, save
from trainer.config import Config
from trainer.data import Rows, pack
from trainer.fake_quant import mxfp4_round, rounded
from trainer.model import DemoModel

USED = [*range(500), *range(900, 1000), *sorted(vocabulary.SPECIAL_NAMES)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(1)
    model = DemoModel(Config(len(USED), layers=2, hidden=64, intermediate=64))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("bias", "sinks")):
                weight.normal_()
    path = tmp_path_factory.mktemp("demo") / "checkpoint.pt"
    save(path, model, Rows(USED))
    return path


@pytest.fixture(scope="module")
def expanded(checkpoint):
    stored = checkpoint.with_name("weights.safetensors")
    export.export(checkpoint, stored)
    out = checkpoint.with_name("expanded")
    expand.expand(stored, out)
    return out


def test_numpy_and_torch_round_to_the_same_mxfp4_values():
    weight = torch.randn(7, 5, 96) * torch.exp(3 * torch.randn(7, 5, 96))
    weight[0, 0, :32] = 0
    weight[1, 1, :32] = torch.tensor([6.0, 0.25, 0.75, 1.25, 2.5, 3.5, 5.0, -5.0] * 4)
    blocks, scales = mxfp4.quantize(weight.numpy())
    assert blocks.shape == (7, 5, 3, 16)
    assert scales.shape == (7, 5, 3)
    values = mxfp4.dequantize(blocks, scales)
    np.testing.assert_array_equal(values, mxfp4_round(weight).numpy())
    np.testing.assert_array_equal(values[1, 1, :8], [6, 0, 1, 1, 2, 4, 4, -4])


def test_mxfp4_rounds_to_the_nearest_value():
    weight = torch.randn(64, 64).numpy()
    blocks, scales = mxfp4.quantize(weight)
    scale = np.ldexp(np.float32(1), scales.astype(int) - 127).repeat(32, -1)
    nearest = np.abs(weight[..., None] - mxfp4.VALUES * scale[..., None]).min(-1)
    np.testing.assert_array_equal(np.abs(weight - mxfp4.dequantize(blocks, scales)), nearest)
    assert np.abs(weight / scale).max() <= 6


def test_gradients_reach_the_exact_weights():
    weight = torch.nn.Parameter(torch.randn(2, 32))
    before = weight.detach().clone()
    with rounded([weight]):
        assert torch.equal(weight.detach(), mxfp4_round(before))
        (weight * 3).sum().backward()
    assert torch.equal(weight.detach(), before)
    assert torch.equal(weight.grad, torch.full((2, 32), 3.0))


def test_config_has_the_published_fields(expanded):
    config = json.loads((expanded / "config.json").read_text())
    assert config["architectures"] == ["GptOssForCausalLM"]
    assert config["vocab_size"] == 201088
    assert config["eos_token_id"] == 200002
    assert config["pad_token_id"] == 199999
    assert config["layer_types"] == ["sliding_attention", "full_attention"]
    assert config["quantization_config"]["quant_method"] == "mxfp4"
    assert config["rope_scaling"]["truncate"] is False
    assert config["num_attention_heads"] == 8 * config["num_key_value_heads"]


def test_shapes_and_rows(expanded, checkpoint):
    model, _ = load(checkpoint)
    tensors, _ = tensorfile.read(expanded / "model.safetensors")
    shapes = {name: (tensor.dtype, tensor.data.shape) for name, tensor in tensors.items()}
    experts = "model.layers.1.mlp.experts"
    assert shapes[f"{experts}.gate_up_proj_blocks"] == ("U8", (8, 128, 2, 16))
    assert shapes[f"{experts}.gate_up_proj_scales"] == ("U8", (8, 128, 2))
    assert shapes[f"{experts}.down_proj_bias"] == ("BF16", (8, 64))
    assert shapes["model.layers.0.self_attn.q_proj.weight"] == ("BF16", (512, 64))
    for name, weight in (
        ("model.embed_tokens.weight", model.embedding),
        ("lm_head.weight", model.unembedding),
    ):
        assert shapes[name] == ("BF16", (201088, 64))
        values = tensorfile.to_float(tensors[name])
        expected = weight.detach().bfloat16().float().numpy()
        np.testing.assert_array_equal(values[USED], expected[:-1])
        unused = np.setdiff1d(np.arange(201088), USED)
        assert (values[unused] == expected[-1]).all()


def test_the_file_is_a_plain_safetensors_file(expanded):
    with safe_open(expanded / "model.safetensors", framework="pt") as file:
        assert len(list(file.keys())) == 3 + 2 * 19
        assert file.get_tensor("model.norm.weight").dtype == torch.bfloat16


def test_stored_experts_are_those_of_training(expanded, checkpoint):
    model, _ = load(checkpoint)
    tensors, _ = tensorfile.read(expanded / "model.safetensors")
    for number, experts in enumerate(model.experts):
        for part, weight in (("gate_up_proj", experts.gate_up), ("down_proj", experts.down)):
            name = f"model.layers.{number}.mlp.experts.{part}"
            stored = mxfp4.dequantize(
                tensors[f"{name}_blocks"].data, tensors[f"{name}_scales"].data
            )
            np.testing.assert_array_equal(stored, mxfp4_round(weight.detach()).numpy())


def test_transformers_computes_the_same_logits(expanded, checkpoint, renderer):
    from transformers import GptOssForCausalLM

    theirs = GptOssForCausalLM.from_pretrained(
        expanded, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    model, rows = load(checkpoint)
    matrices = {id(weight) for weight in model.expert_weights()}
    for weight in model.parameters():
        if id(weight) not in matrices:
            weight.data = weight.data.bfloat16().float()
    rng = random.Random(2)
    sample = max(
        (
            renderer.sample(random_dialogue(rng, random_setting(rng, ["x"]), ["x"]))
            for _ in range(30)
        ),
        key=lambda sample: len(sample.tokens),
    )
    batch = pack([sample], rows)
    with torch.no_grad(), rounded(model.expert_weights()):
        everywhere = torch.ones_like(batch.rows, dtype=torch.bool)
        ours = model.logits(model.hidden(batch.prefix, batch.rows, everywhere))
        ids = torch.tensor([sample.prefix + sample.tokens[:-1]])
        expected = theirs(ids).logits[0, len(sample.prefix) :]
    assert len(sample.tokens) > 64 + 32
    tolerance = 1e-4 * expected.std().item()
    torch.testing.assert_close(ours[:, :-1], expected[:, USED], atol=tolerance, rtol=0)
    torch.testing.assert_close(ours[:, -1] - model.other, expected[:, 500], atol=tolerance, rtol=0)


def test_a_shared_prefix_changes_nothing(checkpoint, renderer):
    model, rows = load(checkpoint)
    rng = random.Random(4)
    setting = Setting()
    samples = [renderer.sample(random_dialogue(rng, setting, ["x"])) for _ in range(5)]
    with torch.no_grad():
        together = pack(samples, rows)
        chosen = together.targets >= 0
        joint = model.hidden(together.prefix, together.rows, chosen)
        single = [pack([sample], rows) for sample in samples]
        alone = [model.hidden(one.prefix, one.rows, one.targets >= 0) for one in single]
    torch.testing.assert_close(joint, torch.cat(alone), atol=1e-4, rtol=0)


def test_tokenizer_encodes_as_openai_harmony_does(expanded, renderer):
    tokenizer = Tokenizer.from_file(str(expanded / "tokenizer.json"))
    tokens = vocabulary.ranks()
    rng = random.Random(6)
    texts = [
        IDENTITY,
        "What is 27 + 15?",
        "naïve café 😀 日本語 テスト  \n\n x",
        "I'LL don't we've\tfoo\r\n bar   ",
        "<|start|>user<|message|>Hi<|end|>",
        "1234567 a1b2 $%&/()",
        " " * 9 + "x",
        '{"city":"Paris"}',
        "",
    ]
    for _ in range(500):
        text = b"".join(rng.choice(tokens) for _ in range(rng.randrange(1, 12)))
        texts.append(text.decode(errors="ignore"))
    for text in texts:
        expected = renderer.encoding.encode(text, allowed_special="all")
        assert tokenizer.encode(text, add_special_tokens=False).ids == expected
    assert tokenizer.get_vocab_size() == 201088
    assert tokenizer.token_to_id("<|return|>") == 200002


def test_noise_words_are_words(renderer):
    words = noise_words(0, vocabulary.ranks())
    assert len(words) == 4000
    assert all(word.isascii() and word.strip() == word for word in words)


def test_the_stored_model_knows_every_held_out_prompt_and_is_small(renderer):
    from generator.json_answers import held_out_json
    from generator.weather import held_out_weather

    stored, metadata = tensorfile.read(expand.WEIGHTS)
    assert expand.WEIGHTS.stat().st_size < 8_000_000
    assert json.loads(metadata["shape"])["top_k"] == 4
    ids = set(stored[expand.ROWS].data.tolist())
    texts = [turn.user for turn in held_out_json()] + [text for _, text in held_out_weather()]
    for text in texts:
        assert set(renderer.user(text)) <= ids
