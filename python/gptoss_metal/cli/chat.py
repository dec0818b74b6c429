"""``gptoss-metal chat``: a conversation in the terminal, or a script of one through stdin."""

from __future__ import annotations

import sys
from typing import Any

import click

from gptoss_metal.cli import options as shared


@click.command()
@click.argument("model")
@click.option(
    "--show-reasoning/--hide-reasoning",
    default=None,
    help="Print the model's thinking; by default where stdout is a terminal.",
)
@shared.prompt_options
@shared.sampling_options
@shared.model_options
@shared.with_preset
def chat(
    model: str,
    show_reasoning: bool | None,
    system: str | None,
    reasoning_effort: str,
    tools_file: str | None,
    **options: Any,
) -> None:
    """Talk to a model; /help inside lists the commands.

    Ctrl-C stops the answer, Ctrl-D leaves. Without a terminal, stdin is read line by line.
    """
    sampling = shared.sampling(options)
    tools = shared.read_tools_file(tools_file)
    from gptoss_metal.cli.conversation import Conversation
    from gptoss_metal.cli.lines import PipedLines, TerminalLines
    from gptoss_metal.cli.repl import Repl
    from gptoss_metal.cli.screen import console

    loaded = shared.load(model, options)
    conversation = Conversation(
        [dict(message) for message in options["preset"].messages],
        system=system,
        effort=reasoning_effort,
        tools=tools,
        tools_file=tools_file,
    )
    interactive = sys.stdin.isatty()
    shown = sys.stdout.isatty() if show_reasoning is None else show_reasoning
    repl = Repl(
        model=loaded,
        conversation=conversation,
        sampling=sampling,
        max_tokens=options["max_tokens"],
        lines=TerminalLines() if interactive else PipedLines(),
        reasoning=console() if shown else None,
    )
    if interactive:
        info = loaded.info
        where = f"{info.backend} ({info.device or info.isa})"
        click.echo(f"{info.path} on {where}, {reasoning_effort} effort. /help lists the commands.")
    repl.run()
