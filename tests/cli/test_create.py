"""``gptoss-metal create``, ``list``, ``rm``; and the names they make, wherever a model is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss_metal import Error, Model, aliases, store
from gptoss_metal.preset import Preset
from gptoss_metal.sampling import Sampling
from tests.cli.program import answer, answer_json, refused, start

SUM = "What is 27 + 15?"


@pytest.fixture(autouse=True)
def no_aliases(home: Path) -> Iterator[None]:
    """Removes what a test created, and nothing that was there before it."""
    before = set(aliases.names())
    yield
    for name in set(aliases.names()) - before:
        aliases.remove(name)


def test_create_and_generate(demo_path: Path) -> None:
    path = answer(
        "create", "calc", "--from", "demo", "--temperature", "0", "--reasoning-effort", "low",
        "--system", "You are a calculator.", "--num-ctx", "300", "--stop", "=",
    ).strip()  # fmt: skip
    assert json.loads(Path(path).read_text()) == {
        "base": "demo",
        "system": "You are a calculator.",
        "reasoning_effort": "low",
        "num_ctx": 300,
        "sampling": {"temperature": 0.0, "stop": ["="]},
    }
    found = answer_json("generate", "calc", "--prompt", SUM, "--json")
    assert found["text"].strip() == "27 + 15"
    assert found["reasoning"] == "7+5=12, 2+1+1=4"
    plain = answer_json("generate", "demo", "--prompt", SUM, "--json", "--temperature", "0")
    assert found["prompt_tokens"] > plain["prompt_tokens"]
    # What the command line says itself comes first.
    own = answer_json(
        "generate", "calc", "--prompt", SUM, "--json", "--stop", "+",
        "--reasoning-effort", "medium",
    )  # fmt: skip
    assert own["text"].strip() == "27"
    assert "carry 1" in own["reasoning"]
    # Its context is 300 tokens.
    assert "context of 300" in refused("generate", "calc", "--prompt", "word " * 400)


def test_chat_and_python(demo_path: Path) -> None:
    answer("create", "calc", "--from", "demo", "--temperature", "0", "--stop", "=")
    said = answer("chat", "calc", "--hide-reasoning", stdin=f"{SUM}\n")
    assert said.strip() == "27 + 15"
    assert Model.load("calc").info.path == str(demo_path)
    assert store.find("calc:latest") == demo_path


def test_a_chain(demo_path: Path) -> None:
    answer("create", "calm", "--from", "demo", "--temperature", "0", "--max-tokens", "90")
    answer("create", "brief", "--from", "calm", "--system", "Be brief.", "--max-tokens", "80")
    found = aliases.resolve("brief")
    assert (found.name, found.base) == ("brief", "demo")
    assert found.sampling == {"temperature": 0.0}
    assert found.max_tokens == 80
    assert found.system == "Be brief."
    assert "stand for itself" in refused("create", "calm", "--from", "brief", "--overwrite")
    assert "stand for itself" in refused("create", "calm", "--from", "calm", "--overwrite")
    answer("rm", "calm")
    assert "brief stands for calm" in refused("generate", "brief", "--prompt", SUM)


def test_a_modelfile(demo_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "Modelfile"
    file.write_text(
        'FROM demo\nPARAMETER temperature 0.7\nPARAMETER stop "="\nPARAMETER num_gpu 1\n'
        'SYSTEM """You are\na calculator."""\nMESSAGE user Hi\nMESSAGE assistant Hello.\n'
        "TEMPLATE {{ .Prompt }}\nADAPTER ./x.gguf\nLICENSE MIT\n"
    )
    done = start("create", "calc", "--file", file, "--temperature", "0")
    assert done.returncode == 0
    told = done.stderr.splitlines()
    assert len(told) == 4
    for word in ("TEMPLATE", "ADAPTER", "LICENSE", "num_gpu"):
        assert sum(word in line and "ignored" in line for line in told) == 1
    found = answer_json("generate", "calc", "--prompt", SUM, "--json")
    assert found["text"].strip() == "27 + 15"
    preset = aliases.read("calc")
    assert preset is not None
    assert preset.system == "You are\na calculator."
    assert len(preset.messages) == 2
    said = answer("chat", "calc", "--hide-reasoning", stdin=f"{SUM}\n")
    assert said.strip() == "27 + 15"


def test_a_modelfile_beside_its_model(demo_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").symlink_to(demo_path)
    (tmp_path / "Modelfile").write_text("FROM ./mine.safetensors\n")
    answer("create", "mine", "--file", tmp_path / "Modelfile")
    assert store.find("mine").samefile(demo_path)


def test_list(demo_path: Path, home: Path) -> None:
    answer("create", "calc", "--from", "demo", "--temperature", "0", "--system", "x")
    (home / "aliases" / "broken.json").write_text("{")
    shown = answer("list").splitlines()
    assert any(line.startswith("demo ") and "GB" in line for line in shown)
    assert "calc    from demo: temperature 0.0, system" in shown
    assert any("broken" in line and "gptoss-metal rm broken" in line for line in shown)
    rows = {row["name"]: row for row in json.loads(answer("list", "--json"))}
    assert rows["demo"]["kind"] == "model"
    assert rows["demo"]["bytes"] == demo_path.stat().st_size
    assert rows["calc"]["kind"] == "alias"
    assert rows["calc"]["base"] == "demo"
    assert "damaged" in rows["broken"]["problem"]


def test_an_empty_store(tmp_path: Path) -> None:
    done = start("list", GPTOSS_METAL_HOME=str(tmp_path))
    assert done.returncode == 0
    assert "convert" in done.stderr
    assert answer("list", "--json", GPTOSS_METAL_HOME=str(tmp_path)).strip() == "[]"


def test_rm_removes_aliases_only(demo_path: Path) -> None:
    answer("create", "calc", "--from", "demo")
    answer("rm", "calc")
    assert aliases.names() == []
    assert "no alias calc" in refused("rm", "calc")
    assert str(demo_path) in refused("rm", "demo")
    assert demo_path.is_file()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["x"], "--from"),
        (["x", "--from", "nope"], "no model named nope"),
        (["x", "--from", "./nope.safetensors"], "no such file"),
        (["demo", "--from", "demo"], "demo is a model"),
        (["a/b", "--from", "demo"], "cannot be a name"),
        (["../b", "--from", "demo"], "cannot be a name"),
        ([".b", "--from", "demo"], "cannot be a name"),
        (["x" * 200, "--from", "demo"], "cannot be a name"),
        (["x.safetensors", "--from", "demo"], "cannot be a name"),
        (["x", "--from", "demo", "--temperature", "-1"], "temperature"),
        (["x", "--from", "demo", "--num-ctx", "0"], "num_ctx"),
        (["x", "--from", "demo", "--stop", ""], "stop"),
        (["x", "--from", "demo", "--reasoning-effort", "huge"], "huge"),
        (["x", "--file", "/nowhere/Modelfile"], "Modelfile"),
    ],
)
def test_bad_input(demo_path: Path, args: list[str], told: str) -> None:
    assert told in refused("create", *args)
    assert aliases.names() == []


def test_an_alias_is_not_overwritten_unasked(demo_path: Path) -> None:
    answer("create", "calc", "--from", "demo", "--temperature", "0")
    assert "--overwrite" in refused("create", "calc", "--from", "demo")
    assert aliases.resolve("calc").sampling == {"temperature": 0.0}
    answer("create", "calc", "--from", "demo", "--overwrite")
    assert aliases.resolve("calc").sampling == {}


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("gpt-oss:20b", "gpt-oss-20b"),
        ("gpt-oss:120b", "gpt-oss-120b"),
        ("gpt-oss", "gpt-oss-20b"),
        ("gpt-oss:latest", "gpt-oss-20b"),
        ("gpt-oss-20b:latest", "gpt-oss-20b"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("hf.co/openai/gpt-oss-20b", "gpt-oss-20b"),
        ("mine:v1", "mine-v1"),
        ("demo", "demo"),
    ],
)
def test_names(name: str, canonical: str) -> None:
    assert store.canonical(name) == canonical


def test_circles_made_by_hand(demo_path: Path, home: Path) -> None:
    folder = home / "aliases"
    folder.mkdir(exist_ok=True)
    for name, base in (("a", "b"), ("b", "a"), ("c", "c")):
        (folder / f"{name}.json").write_text(json.dumps({"base": base}))
    for name in ("a", "b", "c"):
        with pytest.raises(Error, match=r"is a circle\. Try: gptoss-metal rm"):
            store.find(name)
        with pytest.raises(Error, match="is a circle"):
            aliases.resolve(name)
        assert aliases.served(name, ("demo",), demo_path) is None
        with pytest.raises(Error, match="is a circle"):
            aliases.served(name, (name,), demo_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"base": 5}', '{"base": "demo", "system": 5}', '{"base": "demo", "x": 1}',
     '{"base": "demo", "sampling": {"heat": 1}}', '{"base": "demo", "messages": [1]}',
     '{"base": "demo", "messages": 5}', '{"base": "demo", "sampling": 5}', "\xff"],
)  # fmt: skip
def test_damaged_files(demo_path: Path, home: Path, text: str) -> None:
    file = home / "aliases" / "bad.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(Error, match=r"\. Try: "):
        aliases.resolve("bad")
    assert aliases.served("bad", (), demo_path) is None


def test_a_failed_write_leaves_the_old_alias(
    demo_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases.save(Preset("calc", "demo", system="old"))

    def broken(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gptoss_metal.aliases.os.replace", broken)
    with pytest.raises(Error, match="No space left"):
        aliases.save(Preset("calc", "demo", system="new"), overwrite=True)
    monkeypatch.undo()
    assert aliases.resolve("calc").system == "old"
    assert [file.name for file in (home / "aliases").iterdir()] == ["calc.json"]


def test_what_a_request_says_comes_first() -> None:
    preset = Preset("x", "demo", system="S", sampling={"temperature": 0.2, "top_p": 0.5})
    assert preset.sampling_over(Sampling()) == Sampling(temperature=0.2, top_p=0.5)
    own = preset.sampling_over(Sampling(temperature=0.9))
    assert own == Sampling(temperature=0.9, top_p=0.5)
    given = preset.sampling_over(Sampling(temperature=1.0), {"temperature"})
    assert given == Sampling(temperature=1.0, top_p=0.5)
    user = {"role": "user", "content": "x"}
    assert preset.messages_with([user]) == [{"role": "system", "content": "S"}, user]
    told = {"role": "developer", "content": "D"}
    assert preset.messages_with([told, user]) == [told, user]
    assert preset.messages_with([user], "I") == [user]
