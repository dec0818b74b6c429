"""The grammars of a model's turns."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import llguidance

from gptoss_metal.errors import Error
from gptoss_metal.harmony.grammar.bodies import ANY_OBJECT, answer_body, call_body, limits
from gptoss_metal.harmony.grammar.constraint import TurnConstraint, harmony_mask
from gptoss_metal.harmony.grammar.headers import Callee, turn_grammar
from gptoss_metal.harmony.grammar.tokenizer import build_tokenizer
from gptoss_metal.harmony.tools import AUTO, BuiltIn, Tool, ToolChoice, check_builtins
from gptoss_metal.harmony.vocabulary import Vocabulary

_KEPT: Final = 32
_LARGEST_KEPT: Final = 250_000
_BROWSER: Final = ("browser.search", "browser.open", "browser.find")


class Grammars:
    """Makes the constraint of every turn; thread-safe.

    llguidance's form of the vocabulary is built once, when the first mask is computed or `prepare`
    is called. Compiled grammars are kept: an agent's next turn has the same tools.

    Args:
        vocabulary: of the model.
        vocab: number of logits.
    """

    def __init__(self, vocabulary: Vocabulary, vocab: int) -> None:
        self._vocabulary = vocabulary
        self._vocab = vocab
        self._fallback = harmony_mask(vocab)
        self._building = threading.Lock()
        self._tokenizer: llguidance.LLTokenizer | None = None
        self._keeping = threading.Lock()
        self._kept: OrderedDict[str, llguidance.LLMatcher] = OrderedDict()

    def prepare(self) -> None:
        """Builds what takes a second, so that no turn waits for it."""
        self._built()

    def turn(
        self,
        *,
        tools: Sequence[Tool] = (),
        builtins: Sequence[BuiltIn] = (),
        tool_choice: ToolChoice = AUTO,
        response_format: Mapping[str, Any] | None = None,
    ) -> TurnConstraint:
        """The constraint of one turn. Returns at once: the grammar is compiled with its first mask.

        Args:
            tools: functions and custom tools.
            builtins: ``browser``, ``python``.
            tool_choice: which of them may or must be called.
            response_format: of the final message: ``json_object``, ``json_schema``, ``text``, None.

        Raises:
            UnsupportedSchema: a schema or grammar that cannot be enforced.
            Error: a built-in tool or a name in `tool_choice` that does not exist, or no tool to
                call though one must be called.
        """
        check_builtins(builtins)
        _check_names(tool_choice, {*(tool.name for tool in tools), *builtins})
        callees = list(_callees(tools, builtins, tool_choice))
        must_call = tool_choice.mode == "required"
        if must_call and not callees:
            raise Error("[tools] a call is required, and there is no tool. Try: declare one.")
        answer = None if must_call else answer_body(response_format)
        grammar = turn_grammar(callees, answer, answers=not must_call)
        return TurnConstraint(lambda: self._compiled(grammar), self._fallback, self._vocab)

    def _compiled(self, grammar: str) -> llguidance.LLMatcher:
        """A matcher at the turn's beginning; compiled anew if it is not among those kept."""
        with self._keeping:
            known = self._kept.get(grammar)
            if known is not None:
                self._kept.move_to_end(grammar)
                return known.deep_copy()
        made = llguidance.LLMatcher(self._built(), grammar, log_level=0, limits=limits())
        if made.is_error() or len(grammar) > _LARGEST_KEPT:
            return made
        with self._keeping:
            self._kept[grammar] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return made.deep_copy()

    def _built(self) -> llguidance.LLTokenizer:
        with self._building:
            if self._tokenizer is None:
                self._tokenizer = build_tokenizer(self._vocabulary)
            return self._tokenizer


def _check_names(choice: ToolChoice, known: set[str]) -> None:
    for name in sorted(choice.names or ()):
        if name not in known:
            declared = ", ".join(sorted(known)) or "declare it"
            raise Error(f"[tool_choice] there is no tool {name!r}. Try: {declared}.")


def _callees(
    tools: Sequence[Tool], builtins: Sequence[BuiltIn], choice: ToolChoice
) -> Iterator[Callee]:
    if choice.mode == "none":
        return
    for number, tool in enumerate(tools):
        body = call_body(tool, f"tools[{number}]")
        if choice.names is None or tool.name in choice.names:
            yield Callee(f"functions.{tool.name}", body, is_json=not tool.freeform)
    for name in dict.fromkeys(builtins):
        if choice.names is not None and name not in choice.names:
            continue
        if name == "python":
            yield Callee(name, None, is_json=False)
        else:
            yield from (Callee(function, ANY_OBJECT) for function in _BROWSER)
