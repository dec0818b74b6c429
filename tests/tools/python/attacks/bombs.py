"""Attempts to take more than the sandbox gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.tools.python.attacks.attack import SMALL, Attack, Seen, succeeds


def _takes_memory(seen: Seen) -> bool:
    return seen.memory > 2.5 * SMALL.memory


def _takes_processes(seen: Seen) -> bool:
    return seen.processes > SMALL.processes + 4


def _bytes_of(work: Path) -> list[int]:
    return [path.lstat().st_size for path in work.rglob("*") if not path.is_symlink()]


ATTACKS: Sequence[Attack] = (
    Attack(
        "fork bomb",
        """
def bomb():
    while True:
        attempt(os.fork)
bomb()
""",
        _takes_processes,
        survives=False,
    ),
    Attack(
        "thread bomb",
        """
import threading
def more():
    while True:
        threading.Thread(target=time.sleep, args=(100,)).start()
attempt(more)
""",
        lambda seen: seen.processes > SMALL.processes + 20,
    ),
    Attack(
        "memory bomb",
        "x = [bytearray(1 << 26) for _ in range(10**6)]",
        _takes_memory,
        survives=False,
    ),
    Attack(
        "memory bomb of many processes",
        """
for _ in range(20):
    if os.fork() == 0:
        x = b'x' * (80 << 20)
        time.sleep(100)
time.sleep(100)
""",
        _takes_memory,
        survives=False,
    ),
    Attack(
        "memory bomb of shared memory",
        """
import mmap
for _ in range(8):
    if os.fork() == 0:
        m = mmap.mmap(-1, 100 << 20)
        for at in range(0, len(m), 4096): m[at] = 1
        time.sleep(100)
time.sleep(100)
""",
        _takes_memory,
        survives=False,
    ),
    Attack(
        "memory that no process has",
        """
attempt(lambda: os.memfd_create('x') and loot('done'))
attempt(lambda: libc.shmget(0, 1 << 20, 0o1600) >= 0 and loot('done'))
def fill(folder):
    total = 0
    for number in range(100):
        try:
            with open(f'{folder}/{number}', 'wb') as file: total += file.write(bytes(1 << 20))
        except OSError as problem: print(problem); break
    return total
for folder in ('/tmp', '/dev/shm', os.path.expanduser('~')):
    if fill(folder) > (16 << 20): loot('done')
""",
        succeeds,
    ),
    Attack(
        "file-size bomb",
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fill():
    with open('big', 'wb') as file:
        while True: file.write(bytes(1 << 20))
attempt(fill)
""",
        lambda seen: max(_bytes_of(seen.work)) > SMALL.file,
    ),
    Attack(
        "many large files",
        """
for number in range(10000):
    with open(f'{number}', 'wb') as file: file.write(bytes(1 << 20))
    time.sleep(0.005)
""",
        lambda seen: sum(_bytes_of(seen.work)) > 10 * SMALL.disk,
        survives=False,
    ),
    Attack(
        "many files",
        """
for number in range(100_000):
    open(f'{number}', 'w').close()
    time.sleep(0.0005)
""",
        lambda seen: len(list(seen.work.iterdir())) > 10 * SMALL.files,
        survives=False,
    ),
    Attack(
        "output bomb",
        """
print('x' * 10**8)
sys.stderr.write('y' * 10**7)
for number in range(10**5): print(number)
os.system('yes | head -c 50000000')
'z' * 10**8
""",
        lambda seen: len(seen.output) > SMALL.output + 1000,
        survives=False,
    ),
)
