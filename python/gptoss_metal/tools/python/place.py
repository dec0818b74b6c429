"""The host's folder of one kernel: its work, its sockets, and what its system files say."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CHANNELS: Final = ("shell", "iopub", "stdin", "control", "hb")
CONNECTION: Final = "connection.json"
_ETC: Final = {
    "passwd": "sandbox:x:{uid}:{gid}:sandbox:{home}:/bin/sh\n",
    "group": "sandbox:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


@dataclass(frozen=True)
class Place:
    """A folder that only one kernel uses.

    Attributes:
        folder: the whole.
        key: signs the messages of this kernel.
    """

    folder: Path
    key: str

    @classmethod
    def make(cls) -> Place:
        """A new one, in the temporary folder; only its owner may enter it."""
        place = cls(Path(tempfile.mkdtemp(prefix="gptoss-")).resolve(), secrets.token_hex(16))
        for folder in (place.work, place.sockets, place.etc):
            folder.mkdir()
        return place

    @property
    def work(self) -> Path:
        """What the code calls ``/mnt/data``."""
        return self.folder / "work"

    @property
    def sockets(self) -> Path:
        """The kernel's unix sockets, and the file that names them."""
        return self.folder / "run"

    @property
    def etc(self) -> Path:
        """Stands for ``/etc``."""
        return self.folder / "etc"

    def connection(self, sockets: str) -> dict[str, Any]:
        """How to reach the kernel, the folder of its sockets being known as `sockets`."""
        ports = {f"{name}_port": number for number, name in enumerate(CHANNELS, 1)}
        return {
            **ports,
            "ip": f"{sockets}/k",
            "transport": "ipc",
            "key": self.key,
            "signature_scheme": "hmac-sha256",
        }

    def socket(self, channel: str) -> Path:
        """The unix socket of a channel."""
        return self.sockets / f"k-{CHANNELS.index(channel) + 1}"

    def write(self, sockets: str, home: str, owner: tuple[int, int]) -> None:
        """Writes the kernel's files.

        Args:
            sockets: the folder of the sockets, as the kernel sees it.
            home: the kernel's home, as it sees it.
            owner: user and group the kernel runs as.
        """
        (self.sockets / CONNECTION).write_text(json.dumps(self.connection(sockets)))
        values: Mapping[str, object] = {"uid": owner[0], "gid": owner[1], "home": home}
        for name, text in _ETC.items():
            (self.etc / name).write_text(text.format_map(values))
        if owner != (os.getuid(), os.getgid()):
            for path in (self.work, self.sockets, self.sockets / CONNECTION):
                os.chown(path, *owner)

    def remove(self) -> None:
        """Removes everything, also what the code has made unreadable or very deep."""
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", self.folder], check=False, capture_output=True)
