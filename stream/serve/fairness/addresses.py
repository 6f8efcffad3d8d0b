"""What counts as one address where addresses have shares."""

from __future__ import annotations

import functools
import ipaddress

#: A subscriber with IPv6 is given a network of this prefix, and all addresses in it.
SUBSCRIBER_BITS = 64


@functools.lru_cache(maxsize=1024)
def sharer(address: str) -> str:
    """Return who a request's address stands for: itself, of IPv6 the network of the subscriber.

    Args:
        address: as a socket tells it; what is none is returned as it is.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, SUBSCRIBER_BITS), strict=False))
