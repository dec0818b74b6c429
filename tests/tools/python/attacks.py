"""Attempts to leave the sandbox, or to take more than it gives.

An attack runs in the kernel with the outside's paths and numbers as variables; what it finds it
writes to the file ``loot`` in its work folder. Whether it was a breach is decided from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss_metal.tools.python.limits import Limits
from tests.tools.python.world import SECRET, World

SMALL = Limits(
    seconds=4,
    grace=1,
    memory=300 << 20,
    address_space=900 << 20,
    file=8 << 20,
    disk=32 << 20,
    scratch=16 << 20,
    files=500,
    processes=40,
)

PRELUDE = """
import ctypes, errno, glob, os, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def loot(text):
    with open("loot", "a") as file: file.write(f"{text}\\n")
def attempt(work):
    try: return work()
    except BaseException as problem: print(type(problem).__name__, problem)
"""


@dataclass(frozen=True)
class Seen:
    """What is seen after an attack, and while it ran.

    Attributes:
        world: outside.
        work: the kernel's work folder on this side.
        loot: what the attack found.
        output: what the model reads.
        processes: the most that ran at a time.
        memory: the most bytes they had.
        before: the world's folder before.
    """

    world: World
    work: Path
    loot: str
    output: str
    processes: int
    memory: int
    before: dict[str, object]


def _talks(kind: str) -> Callable[[Seen], bool]:
    return lambda seen: kind in seen.world.heard


def _has_secret(seen: Seen) -> bool:
    return SECRET in seen.loot or SECRET in seen.output


def _changes_files(seen: Seen) -> bool:
    return seen.world.held() != seen.before


def _hurts(seen: Seen) -> bool:
    return not seen.world.victim_is_well()


def _succeeds(seen: Seen) -> bool:
    return "done" in seen.loot


def _writes(*paths: str) -> Callable[[Seen], bool]:
    return lambda seen: any(Path(path).exists() for path in paths)


def _takes_memory(seen: Seen) -> bool:
    return seen.memory > 2.5 * SMALL.memory


def _takes_processes(seen: Seen) -> bool:
    return seen.processes > SMALL.processes + 4


def _bytes_of(work: Path) -> list[int]:
    return [path.lstat().st_size for path in work.rglob("*") if not path.is_symlink()]


@dataclass(frozen=True)
class Attack:
    """One attempt.

    Attributes:
        name: of the test.
        code: what runs inside, behind the prelude.
        breached: whether it got out.
        planted: whether it does get out, harmlessly, when nothing is around the kernel.
        survives: whether the kernel must live on; else it may be killed.
    """

    name: str
    code: str
    breached: Callable[[Seen], bool]
    planted: bool = False
    survives: bool = True


ATTACKS: Sequence[Attack] = (
    Attack(
        "tcp",
        "attempt(lambda: socket.create_connection(('127.0.0.1', tcp), 2).send(b'x'))",
        _talks("tcp"),
        planted=True,
    ),
    Attack(
        "udp",
        "attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
        ".sendto(b'x', ('127.0.0.1', udp)))",
        _talks("udp"),
        planted=True,
    ),
    Attack(
        "dns",
        """
# What the resolver knows of the host, and a query sent as resolvers do.
def ask():
    name = b'\\x03www\\x07example\\x03com\\x00'
    query = b'\\x12\\x34\\x01\\x00\\x00\\x01' + bytes(6) + name + b'\\x00\\x01\\x00\\x01'
    resolvers = ['127.0.0.1', '8.8.8.8']
    attempt(lambda: resolvers.extend(line.split()[1] for line in open('/etc/resolv.conf')
                                     if line.startswith('nameserver')))
    for resolver in resolvers:
        for port in (udp, 53):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.settimeout(0.2)
                attempt(lambda: out.sendto(query, (resolver, port)))
ask()
attempt(lambda: loot('done') if socket.gethostbyname(machine) else 0)
""",
        lambda seen: _talks("udp")(seen) or _succeeds(seen),
        planted=True,
    ),
    Attack(
        "other networks",
        """
for family in (17, 40, 38, 31, 29):  # packet, vsock, alg, bluetooth, can
    for kind in (1, 2, 3, 5):
        attempt(lambda: socket.socket(family, kind) and loot('done'))
""",
        _succeeds,
        planted=True,
    ),
    Attack(
        "unix socket",
        "attempt(lambda: socket.socket(socket.AF_UNIX).connect(path_socket))",
        _talks("path"),
        planted=True,
    ),
    Attack(
        "abstract unix socket",
        "attempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0' + abstract_socket))",
        _talks("abstract"),
        planted=True,
    ),
    Attack("read a file outside", "attempt(lambda: loot(open(secret).read()))", _has_secret, True),
    Attack(
        "read the system's secrets",
        """
for path in ('/etc/shadow', '/etc/sudoers', '/root/.bashrc', '/root/.profile', '/var/log/dpkg.log'):
    attempt(lambda: open(path).read() and loot('done'))
attempt(lambda: os.listdir(store) is not None and loot('done'))
""",
        _succeeds,
        planted=True,
    ),
    Attack(
        "read other processes",
        """
for path in glob.glob('/proc/*/environ') + [f'/proc/{victim}/environ', '/proc/self/environ']:
    attempt(lambda: loot(open(path, errors='replace').read()))
attempt(lambda: loot(open(f'/proc/{victim}/root{secret}').read()))
""",
        _has_secret,
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
        lambda seen: _succeeds(seen) or _writes("/usr/breach", "/etc/breach")(seen),
    ),
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
        _succeeds,
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
        _succeeds,
        planted=True,
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
        lambda seen: _has_secret(seen) or _changes_files(seen),
        planted=True,
    ),
    Attack("hard links", "attempt(lambda: os.link(secret, 'hard'))", _changes_files, planted=True),
    Attack(
        "mount",
        """
def mount(*given): return libc.mount(*(g if isinstance(g, int) else g.encode() for g in given), 0)
MS_REMOUNT, MS_BIND = 32, 4096
for target in ('/', '/usr', '/etc', '/proc', '/tmp'):
    if mount('none', target, 'tmpfs', 0) == 0: loot('done')
    if mount('none', target, 'none', MS_REMOUNT | MS_BIND) == 0: loot('done')
    if libc.umount2(target.encode(), 2) == 0: loot('done')
if libc.pivot_root(b'/mnt/data', b'/mnt/data') == 0: loot('done')
attempt(lambda: os.chroot('/mnt/data') or loot('done'))
""",
        _succeeds,
    ),
    Attack(
        "namespaces of its own",
        """
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000):  # user, mount, net, pid
    if os.fork() == 0:
        if libc.unshare(flag) == 0: loot('done')
        os._exit(0)
    os.wait()
    child = libc.syscall(56 if os.uname().machine == 'x86_64' else 220, flag | 17, 0, 0, 0, 0)
    if child == 0:
        attempt(lambda: loot('done'))
        os._exit(0)
for kind in ('user', 'net', 'mnt'):
    attempt(lambda: libc.setns(os.open(f'/proc/1/ns/{kind}', 0), 0) == 0 and loot('done'))
""",
        _succeeds,
        planted=True,
    ),
    Attack(
        "root again",
        """
ids = os.getresuid(), os.getresgid()
for change in (os.setuid, os.setgid, os.seteuid, os.setegid):
    attempt(lambda: change(0))
for program in ('su', 'mount', 'passwd', 'sudo'):
    path = f'/usr/bin/{program}'
    if os.path.exists(path):
        attempt(lambda: subprocess.run([path, '--help'], capture_output=True))
open('copy', 'wb').write(open('/usr/bin/id', 'rb').read())
attempt(lambda: os.chown('copy', 0, 0))
attempt(lambda: os.chmod('copy', 0o6755))
said = attempt(lambda: subprocess.run(['./copy'], capture_output=True, text=True).stdout) or ''
if 'euid=0' in said or os.geteuid() == 0 or 0 in os.getgroups(): loot('done')
status = open('/proc/self/status').read()
if 'CapEff:\\t0000000000000000' not in status or 'NoNewPrivs:\\t1' not in status: loot('done')
""",
        _succeeds,
        planted=True,
    ),
    Attack(
        "devices",
        """
import stat
for name in ('mem', 'kmsg', 'sda', 'vda', 'nvme0n1', 'fuse', 'kvm'):
    path = f'/dev/{name}'
    attempt(lambda: os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 16) and loot('done'))
for kind, number in ((stat.S_IFBLK, (254, 0)), (stat.S_IFBLK, (8, 0)), (stat.S_IFCHR, (1, 1))):
    attempt(lambda: os.mknod('disk', kind | 0o600, os.makedev(*number)))
    attempt(lambda: os.read(os.open('disk', os.O_RDONLY), 16) and loot('done'))
    attempt(lambda: os.unlink('disk'))
""",
        _succeeds,
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
        _talks("path"),
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
    Attack(
        "inherited descriptors",
        """
for fd in range(3, 256):
    attempt(lambda: os.lseek(fd, 0, 0) == 0 and loot(os.read(fd, 1000)))
""",
        _has_secret,
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
        lambda seen: _has_secret(seen) or _succeeds(seen),
    ),
)


def _beats(path: Path) -> bool:
    """Whether a file still grows."""
    before = path.stat().st_size
    time.sleep(0.5)
    return path.stat().st_size != before
