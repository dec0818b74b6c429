"""``chat --browser --python --apply-patch``: what the chat runs itself, shown and asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.cli.chat_tools import REFUSED, ChatTools, chat_tools
from gptoss_metal.cli.conversation import Conversation
from gptoss_metal.cli.lines import agrees
from gptoss_metal.cli.repl import Repl
from gptoss_metal.errors import Error
from gptoss_metal.events import Event
from gptoss_metal.generation import Generation, Run
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.tools import read_tools
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sampling import Sampling
from gptoss_metal.sessions import SessionPool
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.python import Limits, Python
from gptoss_metal.tools.toolbox import Makers, Toolbox
from tests.chat.scripted import events_of
from tests.cli.program import refused, start

PAGES = {"https://birds.example/swift": "<title>Swifts</title><p>Swifts sleep in the air."}
OPEN = (
    "<|channel|>analysis to=browser.open code<|message|>"
    '{"id": "https://birds.example/swift"}<|call|>'
)
ANSWER = "<|channel|>final<|message|>In the air【0†L2】.<|return|>"
CODE = "<|channel|>analysis to=python code<|message|>print(6 * 7)<|call|>"
PATCH = (
    "<|channel|>commentary to=functions.apply_patch <|constrain|>json<|message|>"
    '{"input": "*** Begin Patch\\n*** Add File: notes.txt\\n+swifts\\n*** End Patch"}<|call|>'
)


class ScriptedModel:
    """A model that answers with prescribed tokens, and reads every prompt."""

    def __init__(self, tokenizer: Vocabulary, *scripts: str) -> None:
        self._tokenizer = tokenizer
        self._scripts = list(scripts)
        self.prompts: list[str] = []
        self.vocabulary = tokenizer

    def chat(
        self,
        messages: list[dict[str, Any]],
        tools: list[Any],
        effort: str,
        sampling: Sampling,
        limit: int | None,
        *,
        instructions: str | None,
        builtins: tuple[str, ...],
    ) -> Generation[Event]:
        setting = Setting(effort, instructions, read_tools(tools), builtins=builtins)  # type: ignore[arg-type]
        prompt = Renderer(self._tokenizer).prompt(messages, setting)
        self.prompts.append(self._tokenizer.text(prompt.ids))
        events = events_of(self._tokenizer, self._scripts.pop(0))
        return Generation(Run(SessionPool(lambda: None)), iter(events))  # type: ignore[arg-type, return-value]


class ListedLines:
    """Lines of a list."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.asked: list[str] = []

    def read(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return next(self._lines, None)

    def close(self) -> None:
        """Nothing to save."""


@pytest.fixture
def toolbox(tokenizer: Vocabulary) -> Iterator[Toolbox]:
    python = (lambda: Python(Limits(seconds=20))) if sys.platform.startswith("linux") else None
    opened = Toolbox(Makers(lambda: Browser(Fixture(PAGES), tokenizer), python))
    yield opened
    opened.close()


def chatted(
    model: ScriptedModel, lines: ListedLines, toolbox: Toolbox, root: Path | None, *, yes: bool
) -> Conversation:
    """Runs a chat to the end of its lines."""
    conversation = Conversation()
    ask = None if yes else lambda question: agrees(lines, question)
    tools = ChatTools(toolbox, root, ask)
    Repl(model, conversation, Sampling(), None, lines, None, tools).run()  # type: ignore[arg-type]
    return conversation


def test_browser_and_python(
    tokenizer: Vocabulary, toolbox: Toolbox, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ScriptedModel(tokenizer, OPEN, CODE, ANSWER)
    lines = ListedLines("Where do swifts sleep?")
    conversation = chatted(model, lines, toolbox, None, yes=False)
    shown = capsys.readouterr()
    assert shown.out == "In the air ([birds.example](https://birds.example/swift)) .\n"
    assert "[browser.open] {" in shown.err
    assert "L2: Swifts sleep in the air." in shown.err
    assert "[python] print(6 * 7)\n42\n" in shown.err
    roles = [message["role"] for message in conversation.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert "<|start|>python to=assistant<|channel|>analysis<|message|>42<|end|>" in model.prompts[2]
    assert "## browser" in model.prompts[0]
    assert "## python" in model.prompts[0]
    assert toolbox.page(0) is None, "the tools are ended"


@pytest.mark.parametrize(
    ("answer", "yes", "done"),
    [("y", False, True), ("n", False, False), ("", False, False), ("unused", True, True)],
)
def test_patches_are_asked_for(
    tokenizer: Vocabulary,
    toolbox: Toolbox,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    yes: bool,
    done: bool,
) -> None:
    model = ScriptedModel(tokenizer, PATCH, ANSWER)
    lines = ListedLines("Note it.", *([] if yes else [answer]))
    conversation = chatted(model, lines, toolbox, tmp_path, yes=yes)
    assert (tmp_path / "notes.txt").exists() == done
    said = conversation.messages[2]["content"]
    assert said == ("Done!\nA notes.txt" if done else REFUSED)
    assert ("apply? [y/N] " in lines.asked) == (not yes)
    assert "+swifts" in capsys.readouterr().err, "the user sees what it is about"
    assert "type apply_patch = " in model.prompts[0]


def test_a_patch_that_fails_is_told_to_the_model(
    tokenizer: Vocabulary, toolbox: Toolbox, tmp_path: Path
) -> None:
    outside = PATCH.replace("notes.txt", "../notes.txt")
    model = ScriptedModel(tokenizer, outside, ANSWER)
    conversation = chatted(model, ListedLines("Go."), toolbox, tmp_path, yes=True)
    assert "leaves the root" in conversation.messages[2]["content"]
    assert not (tmp_path.parent / "notes.txt").exists()


def test_clear_begins_the_tools_anew(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    model = ScriptedModel(tokenizer, OPEN, ANSWER, OPEN, ANSWER)
    lines = ListedLines("One.", "/clear", "Two.")
    conversation = chatted(model, lines, toolbox, None, yes=False)
    assert conversation.messages[2]["content"].startswith("[0] ")


def test_the_program_offers_tools(demo_path: Path, tmp_path: Path) -> None:
    options = ["--browser", "--python", "--apply-patch", "--root", tmp_path, "--yes"]
    script = "What is 27 + 15?\n/stats\n"
    done = start(
        "chat", demo_path, *options, "--temperature", "0", "--max-tokens", "80", stdin=script
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    tokens = int(done.stdout.partition("prompt ")[2].split()[0])
    plain = start("chat", demo_path, "--temperature", "0", "--max-tokens", "1", stdin=script)
    assert tokens > int(plain.stdout.partition("prompt ")[2].split()[0]) + 500


@pytest.mark.parametrize(
    ("option", "module"), [("--browser", "lxml"), ("--python", "ipykernel"), ("--python", "zmq")]
)
def test_missing_extras_are_named(
    demo_path: Path, tmp_path: Path, option: str, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ImportError('missing', name={module!r})")
    paths = [str(tmp_path), *filter(None, [_python_path()])]
    said = refused("chat", demo_path, option, PYTHONPATH=":".join(paths))
    assert f"the package {module} is missing" in said
    assert "pip install 'gptoss-metal[tools]'" in said


def test_a_chat_needs_no_extras(demo_path: Path, tmp_path: Path) -> None:
    for module in ("lxml", "ipykernel", "zmq", "httpx", "markdownify", "ddgs", "psutil"):
        (tmp_path / f"{module}.py").write_text("raise ImportError")
    paths = [str(tmp_path), *filter(None, [_python_path()])]
    done = start("chat", demo_path, stdin="/help\n", PYTHONPATH=":".join(paths))
    assert done.returncode == 0, done.stderr


def test_a_sandbox_that_is_missing(demo_path: Path, tmp_path: Path) -> None:
    if sys.platform.startswith("linux"):
        said = refused("chat", demo_path, "--python", GPTOSS_METAL_BWRAP=str(tmp_path / "missing"))
        assert "bubblewrap is missing" in said


def test_a_root_that_is_missing(demo_path: Path, tokenizer: Vocabulary) -> None:
    assert "--root" in refused("chat", demo_path, "--apply-patch", "--root", "/no/such/folder")
    with pytest.raises(Error, match="no folder"):
        chat_tools(ScriptedModel(tokenizer), [], "/no/such/folder", None)  # type: ignore[arg-type]


def _python_path() -> str | None:
    return os.environ.get("PYTHONPATH")
