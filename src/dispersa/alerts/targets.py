"""Where may alerts be sent? To the outside; to this machine or its network only by setting.

An address that comes from a configuration file and receives trading secrets is a way in for
somebody who can write that file; so loopback, private and link-local targets must be allowed
explicitly (OWASP, Server-Side Request Forgery Prevention).
"""

import ipaddress
import socket

from dispersa.alerts.delivery import Refused, TryLater

ALLOW = "alerts.allow_private_targets"


def require_allowed(host: str, *, private_allowed: bool) -> None:
    """Let a host pass whose every address is public, or any if private ones are allowed.

    Raises
    ------
    Refused
        If an address is not public.
    TryLater
        If the name can not be resolved now.
    """
    if private_allowed:
        return
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise TryLater(f"the name {host!r} can not be resolved: {error}") from error
    hidden = sorted(text for text in found if not _is_public(text))
    if hidden:
        raise Refused(
            f"{host} is {hidden[0]}, an address of this machine or a private network; expected a "
            f"public one, or {ALLOW} = true"
        )


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast
