"""Which network addresses a page may be fetched from: public ones, and no others."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Final

from gptoss_metal.tools.browser.display import BrowserError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_TUNNELS: Final = tuple(
    ipaddress.IPv6Network(network) for network in ("64:ff9b:1::/48", "2002::/16", "2001::/32")
)


@dataclass(frozen=True)
class Policy:
    """What may be connected to.

    Attributes:
        ports: that servers may have.
        allowed: addresses and ports allowed besides, whatever they are, e.g. of a test's server.
    """

    ports: frozenset[int] = frozenset({80, 443})
    allowed: frozenset[tuple[str, int]] = field(default=frozenset())

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them checked; to connect to these very addresses is safe.

        Raises:
            BrowserError: the port or one of the addresses is not allowed, or there is none.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as problem:
            raise BrowserError(f"The host {host} cannot be found: {problem}.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if (address, port) in self.allowed:
                continue
            if not is_public(address):
                raise BrowserError(f"The host {host} is not on the public internet.")
            if port not in self.ports:
                raise BrowserError(f"Pages are read from the ports 80 and 443 only, not {port}.")
        return addresses


def is_public(text: str) -> bool:
    """Whether an address, as `socket.getaddrinfo` writes it, is one of the public internet."""
    if "%" in text:
        return False  # of one link only
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if any(address in network for network in _TUNNELS) or address.is_site_local:
            return False
    elif address in _PROTOCOLS:
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
    )
