"""``gptoss-metal``: the commands, and how their errors are shown."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from gptoss_metal import Error, __version__
from gptoss_metal.cli.bench import bench
from gptoss_metal.cli.chat import chat
from gptoss_metal.cli.config import config
from gptoss_metal.cli.convert import convert
from gptoss_metal.cli.create import create
from gptoss_metal.cli.generate import generate
from gptoss_metal.cli.inspect import inspect
from gptoss_metal.cli.launch import launch
from gptoss_metal.cli.names import list_names, remove_alias
from gptoss_metal.cli.selftest import selftest
from gptoss_metal.cli.serve import serve
from gptoss_metal.cli.verify import verify

FAILED: Final = 2
INTERRUPTED: Final = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Run OpenAI's gpt-oss models.

    MODEL is a file, or a name of the store: gpt-oss-20b, openai/gpt-oss-20b, demo, or an alias.
    """


for command in (convert, inspect, verify, generate, chat, serve, launch, config, bench, selftest):
    cli.add_command(command)
for command in (create, list_names, remove_alias):
    cli.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Runs a command and exits: 0, 2 after an error, 130 after Ctrl-C."""
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code; an error becomes one line on stderr."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no text is worth a crash
    try:
        cli.main(args, prog_name="gptoss-metal", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.ctx.get_help() if bare.ctx else "", err=True)
        return FAILED
    except click.ClickException as problem:
        return _fail(_usage(problem))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left; nothing can be said to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Error as problem:
        return _fail(str(problem))
    except MemoryError:
        return _fail("[memory] out of memory. Try: a smaller --context.")
    except OSError as problem:
        name = f"{problem.filename}: " if problem.filename else ""
        return _fail(f"[system] {name}{problem.strerror or problem}. Try: check path and rights.")
    return 0


def _usage(problem: click.ClickException) -> str:
    context = getattr(problem, "ctx", None)
    path = context.command_path if context else "gptoss-metal"
    what = problem.format_message().rstrip(".")
    return f"[{path.split()[-1]}] {what}. Try: {path} --help"


def _fail(message: str) -> int:
    click.echo(" ".join(message.split()), err=True)
    return FAILED
