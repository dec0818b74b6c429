"""``gptoss-metal generate``: one prompt, one answer."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from gptoss_metal.cli import options as shared
from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.events import Event, Token, ToolCall
    from gptoss_metal.generation import Generation
    from gptoss_metal.model import Model


@click.command()
@click.argument("model")
@click.option("--prompt", help="The question; stdin if it is left out.")
@click.option("--tokens", help='Token ids instead of text, "1,2,3"; implies --raw.')
@click.option("--raw", is_flag=True, help="Continue the text; no harmony around it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@shared.prompt_options
@shared.sampling_options
@shared.model_options
@shared.with_preset
def generate(
    model: str,
    prompt: str | None,
    tokens: str | None,
    raw: bool,
    as_json: bool,
    system: str | None,
    reasoning_effort: str,
    tools_file: str | None,
    **options: Any,
) -> None:
    """Answer one prompt.

    stdout carries the answer alone; reasoning is shown dimmed where stderr is a terminal.
    """
    if prompt is not None and tokens is not None:
        raise click.UsageError("--prompt and --tokens exclude each other", _context())
    sampling = shared.sampling(options)
    tools = shared.read_tools_file(tools_file)
    ids = None if tokens is None else read_ids(tokens)
    text = read_prompt(prompt) if ids is None else ""
    loaded = shared.load(model, options)
    if raw or ids is not None:
        ids = loaded.vocabulary.encode(text, specials=True) if ids is None else ids
        generation = loaded.generate(ids, sampling, options["max_tokens"])
        _raw(generation, loaded, as_json)
        return
    messages = [*options["preset"].messages, {"role": "user", "content": text}]
    answer = loaded.chat(
        messages, tools, reasoning_effort, sampling, options["max_tokens"], instructions=system
    )
    _chat(answer, loaded, as_json)


def read_prompt(given: str | None) -> str:
    """The prompt that was given, or stdin.

    Raises:
        Error: there is none, or it is empty.
    """
    if given is None:
        if sys.stdin.isatty():
            raise Error("[generate] no prompt. Try: --prompt TEXT, or pipe it in.")
        given = sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")
    if not given.strip():
        raise Error("[generate] the prompt is empty. Try: --prompt TEXT, or pipe it in.")
    return given


def read_ids(text: str) -> list[int]:
    """Ids of ``1,2,3``, or separated by spaces.

    Raises:
        Error: something else is among them.
    """
    ids = []
    for word in text.replace(",", " ").split():
        try:
            ids.append(int(word))
        except ValueError:
            raise Error(f'[generate] {word!r} is not a token id. Try: --tokens "1,2,3".') from None
    return ids


def _context() -> click.Context:
    return click.get_current_context()


def _chat(answer: Generation[Event], model: Model, as_json: bool) -> None:
    from gptoss_metal.cli.follow import follow
    from gptoss_metal.cli.screen import Answer, console
    from gptoss_metal.events import Reasoning, Text, ToolCall

    watched = sys.stderr.isatty() and not as_json
    screen = Answer(console(stderr=True) if watched else None)
    parts: dict[type, list[str]] = {Text: [], Reasoning: []}
    calls: list[ToolCall] = []

    def show(event: Event) -> None:
        if isinstance(event, Text | Reasoning):
            parts[type(event)].append(event.text)
        if isinstance(event, ToolCall):
            calls.append(event)
        elif as_json:
            return
        elif isinstance(event, Reasoning):
            screen.reasoning(event.text)
        elif isinstance(event, Text):
            screen.text(event.text)

    interrupted = follow(answer, show)
    if as_json:
        extra = {"tool_calls": [_call(call) for call in calls]}
        _print_json(answer, model, "".join(parts[Text]), "".join(parts[Reasoning]), extra)
    else:
        screen.end()
        for call in calls:
            click.echo(f"[call] {call.recipient} {call.arguments}", err=True)
    if interrupted:
        raise KeyboardInterrupt


def _raw(generation: Generation[Token], model: Model, as_json: bool) -> None:
    from gptoss_metal.cli.follow import follow
    from gptoss_metal.cli.screen import Answer

    screen, texts = Answer(None), list[str]()

    def show(token: Token) -> None:
        text = token.text if model.has_vocabulary else f"{token.id} "
        texts.append(text)
        if not as_json:
            screen.text(text)

    interrupted = follow(generation, show)
    if as_json:
        text = "".join(texts) if model.has_vocabulary else ""
        _print_json(generation, model, text, "", {})
    else:
        screen.end()
    if interrupted:
        raise KeyboardInterrupt


def _call(call: ToolCall) -> dict[str, Any]:
    names = ("id", "name", "arguments", "recipient", "complete")
    return {name: getattr(call, name) for name in names}


def _print_json(
    generation: Generation[Any], model: Model, text: str, reasoning: str, extra: dict[str, Any]
) -> None:
    usage = generation.usage
    found = {
        "text": text,
        "reasoning": reasoning,
        "tokens": generation.ids,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "prefill_seconds": usage.prefill_seconds,
        "decode_seconds": usage.decode_seconds,
        "prefill_tps": usage.prefill_tps,
        "decode_tps": usage.decode_tps,
        "finish_reason": generation.finish_reason,
        "model": model.info.path,
        **extra,
    }
    click.echo(json.dumps(found))
