"""rtnetlink: the kernel's own protocol for interfaces, addresses and routes. See netlink(7) and rtnetlink(7).

`attributes` encodes and decodes what messages hold, `messages` makes them as data, `requests` turns them into calls.
"""

from .messages import (
    NetlinkMessage,
    Received,
    check_mtu,
    delete_address,
    delete_link,
    interface_index,
    isolate_port,
    link_attributes,
    list_all,
    new_address,
    new_link,
    new_route,
    received,
    set_link,
)
from .requests import exchange, extended_errors, netlink_socket, receive, request, send_message, spell_answer

__all__ = [
    "NetlinkMessage", "Received", "check_mtu", "delete_address", "delete_link", "exchange", "extended_errors",
    "interface_index", "isolate_port", "link_attributes", "list_all", "netlink_socket", "new_address", "new_link",
    "new_route", "receive", "received", "request", "send_message", "set_link", "spell_answer",
]  # fmt: skip
