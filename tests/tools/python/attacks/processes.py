"""Attempts to reach other processes, and to run on after the call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.tools.python.attacks.attack import Attack, Seen, has_secret, succeeds, talks


def _hurts(seen: Seen) -> bool:
    return not seen.world.victim_is_well()


def _beats(path: Path) -> bool:
    """Whether a file still grows."""
    before = path.stat().st_size
    time.sleep(0.5)
    return path.stat().st_size != before


ATTACKS: Sequence[Attack] = (
    Attack(
        "read other processes",
        """
for path in glob.glob('/proc/*/environ') + [f'/proc/{victim}/environ', '/proc/self/environ']:
    attempt(lambda: loot(open(path, errors='replace').read()))
attempt(lambda: loot(open(f'/proc/{victim}/root{secret}').read()))
""",
        has_secret,
        planted=True,
    ),
    Attack(
        "signals",
        """
for number in (signal.SIGTERM, signal.SIGKILL):
    attempt(lambda: os.kill(victim, number))
attempt(lambda: os.killpg(os.getpgid(victim), signal.SIGKILL))
""",
        _hurts,
        planted=True,
    ),
    Attack(
        "ptrace",
        """
PTRACE_SEIZE = 0x4206
if libc.ptrace(PTRACE_SEIZE, victim, 0, 0) == 0: loot('done')
""",
        succeeds,
        planted=True,
    ),
    Attack(
        "the kernel's own sockets",
        """
import json, threading, zmq
run = glob.glob('/run/kernel') or [os.path.dirname(sys.argv[1])]
connection = json.load(open(f'{run[0]}/connection.json'))
context = zmq.Context()
for name in ('shell', 'control'):
    other = context.socket(zmq.DEALER)
    other.connect(f"ipc://{connection['ip']}-{connection[name + '_port']}")
    other.send_multipart([b'<IDS|MSG>', b'', b'{}', b'{}', b'{}', b'{}'])
# Large and broken messages to those who listen outside.
app = get_ipython().kernel
app.session.send(app.iopub_socket, 'stream', {'name': 'stdout', 'text': 'x' * 10**8}, ident=b'a')
app.iopub_socket.send_multipart([b'a', b'<IDS|MSG>', b'0' * 64, b'[' * 10**5, b'{}', b'{}', b'{}'])
app.iopub_socket.send_multipart([b'a', bytes(5 << 20)])
# Somebody else's socket in the place of ours, for whoever comes again.
for path in glob.glob(f'{run[0]}/k-*'):
    os.unlink(path)
    os.symlink(path_socket, path)
for fd in range(3, 250):
    try:
        if 'socket:' in os.readlink(f'/proc/self/fd/{fd}'): os.close(fd)
    except OSError: pass
time.sleep(1.5)
""",
        talks("path"),
        survives=False,
    ),
    Attack(
        "a loop that ignores the interrupt",
        """
signal.signal(signal.SIGINT, signal.SIG_IGN)
open('beat', 'w').close()
while True:
    with open('beat', 'a') as file: file.write('x')
    time.sleep(0.01)
""",
        lambda seen: _beats(seen.work / "beat"),
        survives=False,
    ),
    Attack(
        "a child that outlives the call",
        """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)
        while True:
            with open('beat', 'a') as file: file.write('x')
            time.sleep(0.01)
    os._exit(0)
while not os.path.exists('beat'): time.sleep(0.01)
""",
        lambda seen: _beats(seen.work / "beat"),
    ),
    Attack(
        "a thread that outlives the call",
        """
import threading
def beat():
    while True:
        with open('beat', 'a') as file: file.write('x')
        time.sleep(0.01)
threading.Thread(target=beat).start()
while not os.path.exists('beat'): time.sleep(0.01)
""",
        lambda seen: _beats(seen.work / "beat"),
    ),
)
