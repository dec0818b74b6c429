"""Names of models, and where the vocabulary is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss_metal import Error, store
from gptoss_metal.harmony import vocabulary as module
from gptoss_metal.harmony.vocabulary import FILE_NAME, Vocabulary, open_vocabulary


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPTOSS_METAL_HOME", str(tmp_path / "home"))
    return tmp_path


def test_home(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.home() == fresh / "home"
    monkeypatch.delenv("GPTOSS_METAL_HOME")
    assert store.home() == Path.home() / ".gptoss-metal"


def test_names_and_paths(fresh: Path) -> None:
    file = fresh / "home" / "models" / "gpt-oss-20b.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    assert store.find("gpt-oss-20b") == store.find("openai/gpt-oss-20b") == file
    assert store.find(file) == store.find(str(file)) == file


def test_a_folder_of_that_name_is_not_in_the_way(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fresh / "demo").mkdir()
    monkeypatch.chdir(fresh)
    with pytest.raises(Error, match="is a directory"):
        store.find("demo")
    file = fresh / "home" / "models" / "demo.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    assert store.find("demo") == file


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("demo", "Try: make demo"),
        ("gpt-oss-20b", "Try: gptoss-metal convert openai/gpt-oss-20b"),
        ("openai/gpt-oss-120b", "Try: gptoss-metal convert openai/gpt-oss-120b"),
        ("mine", "gptoss-metal convert"),
        ("a/b", "no such file: a/b"),
        ("model.safetensors", "no such file"),
        ("", "no model named"),
        (".", "is a directory"),
        ("../x", "no such file"),
    ],
)
def test_not_found(fresh: Path, name: str, remedy: str) -> None:
    with pytest.raises(Error, match=r"^\[load\] .*Try: ") as caught:
        store.find(name)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden"])
def test_names_stay_in_the_store(fresh: Path, name: str) -> None:
    with pytest.raises(Error, match=r"^\[store\]"):
        store.model_file(name)


def test_the_vocabulary_is_written_once_and_mended(fresh: Path, vocabulary: Path) -> None:
    data = vocabulary.read_bytes()
    open_vocabulary(data, "test")
    file = fresh / "home" / "vocabulary" / FILE_NAME
    assert file.read_bytes() == data
    first = file.stat().st_mtime_ns
    open_vocabulary(data, "test")
    assert file.stat().st_mtime_ns == first
    file.write_bytes(data[:-1])
    open_vocabulary(data, "test")
    assert file.read_bytes() == data
    assert [path.name for path in file.parent.iterdir()] == [FILE_NAME]


def test_no_vocabulary_and_a_wrong_one(fresh: Path) -> None:
    with pytest.raises(Error, match=r"^\[vocabulary\] m.safetensors carries no tokenizer.*Try: "):
        open_vocabulary(None, "m.safetensors")
    with pytest.raises(Error, match="another vocabulary"):
        open_vocabulary(b"x 1\n", "m.safetensors")
    assert not (fresh / "home").exists()


def test_a_home_that_cannot_be_written(fresh: Path, vocabulary: Path) -> None:
    (fresh / "home").write_text("a file")
    with pytest.raises(Error, match="GPTOSS_METAL_HOME"):
        open_vocabulary(vocabulary.read_bytes(), "test")


def test_tokens_and_text(tokenizer: Vocabulary) -> None:
    text = "Hello, \U0001f9ff <|end|>!"
    assert tokenizer.text(tokenizer.encode(text)) == text
    assert tokenizer.encode("<|end|>", specials=True) == [200007]
    assert (
        tokenizer.text([200007, 200000, 201088]) == "<|end|><|reserved_200000|><|reserved_201088|>"
    )
    for token in (0, 199997, 35644, 173781):
        assert tokenizer.token_bytes(token) == tokenizer.encoding._inner.decode_bytes([token])
    assert tokenizer.token_bytes(199998) == tokenizer.token_bytes(-1) == b""


def test_the_known_hash_is_that_of_the_published_file(vocabulary: Path) -> None:
    import hashlib

    assert hashlib.sha256(vocabulary.read_bytes()).hexdigest() == module.SHA256
