"""What a client is given: files, environment variables, arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gptoss_metal.clients.files import File
from gptoss_metal.clients.target import Target


@dataclass(frozen=True)
class Setup:
    """One client, pointed at one server.

    Attributes:
        files: its configuration.
        environment: variables it must be started with.
        relocation: variables that make it use the folder of the files instead of the user's own.
        arguments: what its command line must start with.
    """

    files: tuple[File, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    relocation: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Client:
    """A program that can be pointed at the server.

    Attributes:
        name: what `gptoss-metal config` and `launch` call it.
        title: what its makers call it.
        install: the command that installs it.
        user_folder: where a user's own configuration of it lives.
        configure: the set-up that points it at a server, with its files in a folder: the user's
            own, or one that gptoss-metal keeps.
        program: what starts it; None for one that no command starts.
    """

    name: str
    title: str
    install: str
    user_folder: Callable[[], Path]
    configure: Callable[[Target, Path], Setup]
    program: str | None = None
