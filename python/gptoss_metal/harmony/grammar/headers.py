"""The order of a turn's messages, and their headers, in llguidance's Lark.

A turn goes on from ``<|start|>assistant``: thoughts and preambles in any number, then an answer or
a call. A call's recipient stands behind the channel, as models are trained to write it, or in the
role section. Functions may be called on ``analysis`` too, built-in tools on ``commentary``: models
do that, and the recipient alone decides.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.harmony.grammar.bodies import Body

_FRAME: Final = r"""
thought: <|channel|> "analysis" <|message|> TEXT <|end|> <|start|> "assistant"
preamble: <|channel|> "commentary" <|message|> TEXT <|end|> <|start|> "assistant"
json_type: (" "? <|constrain|> "json" | " json" | " code")?
text_type: (" code")?
TEXT: /(.|\n)*/
"""


@dataclass(frozen=True)
class Callee:
    """Whom the model may call.

    Attributes:
        recipient: e.g. ``functions.get_weather``.
        body: of the call; None for any text.
        is_json: whether the header may say so.
    """

    recipient: str
    body: Body | None
    is_json: bool = True


def turn_grammar(callees: Sequence[Callee], answer: Body | None, *, answers: bool) -> str:
    """The grammar of a turn, as llguidance reads it.

    Args:
        callees: whom the model may call; perhaps none.
        answer: the body of the final message; None for any text.
        answers: whether the turn may end with a final message; else it ends with a call.
    """
    bodies: list[dict[str, Any]] = []

    def named(body: Body | None) -> str:
        if body is None:
            return "TEXT"
        bodies.append({"name": f"body{len(bodies)}", **body})
        return f"@body{len(bodies) - 1}"

    # Words before a structured answer would spoil it: then a preamble announces a call only.
    spoken = "(thought | preamble)*" if answer is None else "thought*"
    ends = [f"{spoken} answer"] if answers else []
    ends += ["(thought | preamble)* call"] if callees else []
    lines = [f"start: {' | '.join(ends)}", _FRAME]
    behind, before = [], []
    for number, callee in enumerate(callees):
        name = json.dumps(callee.recipient)
        kind = "json_type" if callee.is_json else "text_type"
        rest = f"call{number}"
        lines.append(f"{rest}: {kind} <|message|> {named(callee.body)} <|call|>")
        behind.append(f"{name} {rest}")
        before.append(f'{name} <|channel|> ("commentary" | "analysis") {rest}')
    if callees:
        lines.append('call: <|channel|> ("commentary" | "analysis") " to=" behind | " to=" before')
        lines += [f"behind: {' | '.join(behind)}", f"before: {' | '.join(before)}"]
    body = named(answer)
    lines.append(
        f'answer: <|channel|> "final" (" "? <|constrain|> "json")? <|message|> {body} <|return|>'
    )
    return json.dumps({"grammars": [{"lark_grammar": "\n".join(lines)}, *bodies]})
