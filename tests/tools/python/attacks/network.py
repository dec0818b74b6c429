"""Attempts to talk to somebody outside."""

from __future__ import annotations

from collections.abc import Sequence

from tests.tools.python.attacks.attack import Attack, succeeds, talks

ATTACKS: Sequence[Attack] = (
    Attack(
        "tcp",
        "attempt(lambda: socket.create_connection(('127.0.0.1', tcp), 2).send(b'x'))",
        talks("tcp"),
        planted=True,
    ),
    Attack(
        "udp",
        "attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
        ".sendto(b'x', ('127.0.0.1', udp)))",
        talks("udp"),
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
        lambda seen: talks("udp")(seen) or succeeds(seen),
        planted=True,
    ),
    Attack(
        "other networks",
        """
for family in (17, 40, 38, 31, 29):  # packet, vsock, alg, bluetooth, can
    for kind in (1, 2, 3, 5):
        attempt(lambda: socket.socket(family, kind) and loot('done'))
""",
        succeeds,
        planted=True,
    ),
    Attack(
        "unix socket",
        "attempt(lambda: socket.socket(socket.AF_UNIX).connect(path_socket))",
        talks("path"),
        planted=True,
    ),
    Attack(
        "abstract unix socket",
        "attempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0' + abstract_socket))",
        talks("abstract"),
        planted=True,
    ),
)
