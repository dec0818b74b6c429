"""Options that several commands share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.model import Model
    from gptoss_metal.preset import Preset
    from gptoss_metal.sampling import Sampling

Command = TypeVar("Command", bound=Callable[..., object])
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "seed")


def model_options(command: Command) -> Command:
    """--backend, --precision, --threads, --context."""
    for option in (
        click.option("--context", type=int, help="Tokens of prompt and answer together."),
        click.option("--threads", type=int, help="By default one per core it may use."),
        click.option(
            "--precision",
            type=click.Choice(["default", "exact"]),
            default="default",
            help="exact switches every approximation off.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["auto", "metal", "cpu"]),
            default="auto",
            show_default=True,
            help="Where to compute; auto is metal on an M1 or newer, cpu elsewhere.",
        ),
    ):
        command = option(command)
    return command


def sampling_options(command: Command) -> Command:
    """--temperature, --top-p, --top-k, --min-p, --seed, --stop, --max-tokens."""
    for option in (
        click.option("--max-tokens", type=int, help="The most to generate, reasoning included."),
        click.option("--stop", multiple=True, help="Ends the answer; may be repeated."),
        click.option("--seed", type=int, help="Same seed, same answer."),
        click.option("--min-p", type=float, default=0.0, help="0 to 1."),
        click.option("--top-k", type=int, default=0, help="0 for all tokens."),
        click.option("--top-p", type=float, default=1.0, help="Above 0, to 1."),
        click.option(
            "--temperature", type=float, default=1.0, show_default=True, help="0 is greedy."
        ),
    ):
        command = option(command)
    return command


def prompt_options(command: Command) -> Command:
    """--system, --reasoning-effort, --tools."""
    for option in (
        click.option("--tools", "tools_file", type=click.Path(), help="JSON list of functions."),
        click.option(
            "--reasoning-effort",
            type=click.Choice(["low", "medium", "high"]),
            default="medium",
            show_default=True,
        ),
        click.option("--system", help="Instructions for the model."),
    ):
        command = option(command)
    return command


def with_preset(command: Command) -> Command:
    """The values of MODEL's alias, for options that were not given.

    The function gets the alias as ``preset``; `sampling` makes use of it, too.
    """

    @functools.wraps(command)
    def filled(model: str, **options: Any) -> object:
        from gptoss_metal import aliases

        preset = aliases.resolve(model)
        options |= _open_values(preset)
        return command(model, preset=preset, **options)

    return cast(Command, filled)


def load(model: str, options: dict[str, Any]) -> Model:
    """Loads a model as the model options say."""
    from gptoss_metal.model import Model

    backend = options["backend"]
    return Model.load(
        model,
        None if backend == "auto" else backend,
        options["precision"],
        options["threads"],
        context=options["context"],
    )


def sampling(options: dict[str, Any]) -> Sampling:
    """The sampling that the sampling options say."""
    from gptoss_metal.sampling import Sampling

    chosen = {name: options[name] for name in (*SAMPLING, "stop")}
    preset: Preset = options["preset"]
    return preset.sampling_over(Sampling(**chosen), chosen)


def _open_values(preset: Preset) -> dict[str, Any]:
    """The preset's values for those options of the running command that were not given."""
    context = click.get_current_context()
    values = {
        **preset.sampling,
        "context": preset.num_ctx,
        "max_tokens": preset.max_tokens,
        "reasoning_effort": preset.reasoning_effort,
        "system": preset.system,
    }
    return {
        name: value
        for name, value in values.items()
        if value is not None
        and name in context.params
        and context.get_parameter_source(name) is ParameterSource.DEFAULT
    }


def read_tools_file(path: str | None) -> list[Any]:
    """The functions of a JSON file: a list as in OpenAI's APIs.

    Raises:
        Error: no such file, not JSON, or not a list of functions.
    """
    if path is None:
        return []
    try:
        tools = json.loads(Path(path).expanduser().read_text("utf-8"))
    except OSError as problem:
        raise Error(f"[tools] cannot read {path}: {problem.strerror}. Try: check it.") from None
    except ValueError as problem:
        raise Error(f"[tools] {path} is not JSON: {problem}. Try: a list of functions.") from None
    if not isinstance(tools, list):
        raise Error(f"[tools] {path} holds no list. Try: a JSON list of functions.")
    from gptoss_metal.harmony.tools import read_tools

    read_tools(tools)
    return tools
