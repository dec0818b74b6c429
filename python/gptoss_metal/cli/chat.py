"""``gptoss-metal chat``: a conversation in the terminal, or a script of one through stdin."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gptoss_metal.cli import options as shared

if TYPE_CHECKING:
    from gptoss_metal.harmony.tools import BuiltIn


@click.command()
@click.argument("model")
@click.option(
    "--show-reasoning/--hide-reasoning",
    default=None,
    help="Print the model's thinking; by default where stdout is a terminal.",
)
@click.option("--browser", is_flag=True, help="Let the model search the web and open pages.")
@click.option("--python", is_flag=True, help="Let it run Python, in a sandbox.")
@click.option("--apply-patch", is_flag=True, help="Let it edit the files of --root.")
@click.option("--root", type=click.Path(), default=".", help="The folder for --apply-patch.")
@click.option("--yes", is_flag=True, help="Apply patches without asking.")
@shared.prompt_options
@shared.sampling_options
@shared.model_options
@shared.with_preset
def chat(
    model: str,
    show_reasoning: bool | None,
    browser: bool,
    python: bool,
    apply_patch: bool,
    root: str,
    yes: bool,
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
    from gptoss_metal.cli.chat_tools import chat_tools
    from gptoss_metal.cli.conversation import Conversation
    from gptoss_metal.cli.lines import Lines, PipedLines, TerminalLines, agrees
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
    lines: Lines = TerminalLines() if interactive else PipedLines()
    names: list[BuiltIn] = ["browser"] if browser else []
    names += ["python"] if python else []
    own = chat_tools(
        loaded, names, root if apply_patch else None, None if yes else partial(agrees, lines)
    )
    shown = sys.stdout.isatty() if show_reasoning is None else show_reasoning
    repl = Repl(
        model=loaded,
        conversation=conversation,
        sampling=sampling,
        max_tokens=options["max_tokens"],
        lines=lines,
        reasoning=console() if shown else None,
        tools=own,
    )
    if interactive:
        info = loaded.info
        where = f"{info.backend} ({info.device or info.isa})"
        click.echo(f"{info.path} on {where}, {reasoning_effort} effort. /help lists the commands.")
    repl.run()
