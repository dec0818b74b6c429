"""Attempts to read or change files outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.tools.python.attacks.attack import Attack, Seen, has_secret, succeeds


def _changes_files(seen: Seen) -> bool:
    return seen.world.held() != seen.before


def _writes(*paths: str) -> Callable[[Seen], bool]:
    return lambda seen: any(Path(path).exists() for path in paths)


ATTACKS: Sequence[Attack] = (
    Attack("read a file outside", "attempt(lambda: loot(open(secret).read()))", has_secret, True),
    Attack(
        "read the system's secrets",
        """
for path in ('/etc/shadow', '/etc/sudoers', '/root/.bashrc', '/root/.profile', '/var/log/dpkg.log'):
    attempt(lambda: open(path).read() and loot('done'))
attempt(lambda: os.listdir(store) is not None and loot('done'))
""",
        succeeds,
        planted=True,
    ),
    Attack(
        "write outside",
        """
for path in (f'{folder}/new', secret, f'../../../../../..{folder}/new'):
    attempt(lambda: open(path, 'a').write('x'))
attempt(lambda: os.unlink(secret))
""",
        _changes_files,
        planted=True,
    ),
    Attack(
        "write to the system",
        """
for path in ('/usr/breach', '/etc/breach', '/breach', '/dev/breach', f'{sys.prefix}/breach',
             f'{inside}/breach', '/proc/sys/kernel/core_pattern'):
    attempt(lambda: open(path, 'w').write('x') and loot('done'))
""",
        lambda seen: succeeds(seen) or _writes("/usr/breach", "/etc/breach")(seen),
    ),
    Attack(
        "symbolic links",
        """
os.symlink(secret, 'link')
os.symlink(folder, 'folder')
attempt(lambda: loot(open('link').read()))
attempt(lambda: open('folder/new', 'w').write('x'))
os.makedirs('deep/' * 200)
os.chmod('deep', 0)
""",
        lambda seen: has_secret(seen) or _changes_files(seen),
        planted=True,
    ),
    Attack("hard links", "attempt(lambda: os.link(secret, 'hard'))", _changes_files, planted=True),
    Attack(
        "inherited descriptors",
        """
for fd in range(3, 256):
    attempt(lambda: os.lseek(fd, 0, 0) == 0 and loot(os.read(fd, 1000)))
""",
        has_secret,
        planted=True,
    ),
    Attack(
        "stdin",
        """
attempt(lambda: loot(os.read(0, 1000)))
attempt(lambda: loot(input()))
import fcntl
for byte in b'echo done':
    attempt(lambda: fcntl.ioctl(0, 0x5412, bytes([byte])) == 0 and loot('done'))  # TIOCSTI
""",
        lambda seen: has_secret(seen) or succeeds(seen),
    ),
)
