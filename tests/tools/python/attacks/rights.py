"""Attempts to get the rights, the namespaces or the devices of another."""

from __future__ import annotations

from collections.abc import Sequence

from tests.tools.python.attacks.attack import Attack, succeeds

ATTACKS: Sequence[Attack] = (
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
        succeeds,
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
        succeeds,
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
        succeeds,
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
        succeeds,
    ),
)
