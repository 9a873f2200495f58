"""Two web servers on port 80, both opened in Chromium by published ports: cut off, mended, hidden from a neighbour."""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error

from pyctr_lab import Lab
from pyctr_lab.networks import Network
from pyctr_lab.runtime import Program

PYTHON = "/usr/bin/python3"
SERVE = "mkdir -p /tmp/page && cd /tmp/page && echo page of {0} > index.html && exec /usr/bin/python3 -m http.server 80"
ASK = "import socket; socket.create_connection((socket.gethostbyname('{0}'), 80), 2)"
MILLISECONDS = 2000  # that Chromium waits for a page that does not come


@pytest.fixture
def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def web() -> Iterator[tuple[Lab, Network]]:
    with Lab(private=True) as lab:
        yield lab, lab.network("web")


def serve(lab: Lab, web: Network, name: str, port: int) -> Program:
    """A web server on port 80 of a container, which answers already."""
    server = lab.start(["sh", "-c", SERVE.format(name)], network=web, aliases=[name], publish={port: 80})

    while server.alive:  # a refused connection says only that it does not listen yet
        with server.socket() as made:
            if made.connect_ex(("127.0.0.1", 80)) == 0:
                return server
        time.sleep(0.02)
    raise AssertionError(server.wait().stderr)


def text_of(browser: Browser, port: int) -> str:
    """What the browser shows of a published port, in a page of its own; empty where nothing comes."""
    page = browser.new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}/?{secrets.token_hex(4)}", timeout=MILLISECONDS)  # else it may be cached
    except Error:
        return ""
    else:
        return page.locator("body").inner_text().strip()
    finally:
        page.close()


def test_both_are_opened_and_a_cut_cable_is_seen(
    web: tuple[Lab, Network], browser: Browser, free_ports: tuple[int, int]
) -> None:
    lab, network = web
    one, other = (serve(lab, network, name, port) for name, port in zip("ab", free_ports, strict=True))
    assert [text_of(browser, port) for port in free_ports] == ["page of a", "page of b"]
    network.cut(other)
    assert [text_of(browser, port) for port in free_ports] == ["page of a", ""]
    assert "b" in [room.name for room in network.view().rooms if not any(link.carrier for link in room.links[1:])]
    network.mend(other)
    assert [text_of(browser, port) for port in free_ports] == ["page of a", "page of b"]
    one.end()
    assert [text_of(browser, port) for port in free_ports] == ["", "page of b"]


def test_a_rule_hides_one_server_from_one_neighbour(web: tuple[Lab, Network], free_ports: tuple[int, int]) -> None:
    nft = shutil.which("nft", path="/usr/sbin:/usr/bin")
    if nft is None:
        pytest.skip("needs Debian's package nftables")
    lab, network = web
    serve(lab, network, "shop", free_ports[0])
    friend, stranger = (lab.container(name, network=network) for name in ("friend", "stranger"))
    for box in (friend, stranger):
        for step in box.recipe or ():
            box.apply(step)

    def reach() -> list[bool]:
        return [box.run([PYTHON, "-c", ASK.format("shop")]).returncode == 0 for box in (friend, stranger)]

    assert reach() == [True, True]
    address = network.attached_of(stranger).end.addresses[0].partition("/")[0]
    chain = "{ type filter hook forward priority 0; }"
    rules = [f"add chain bridge lesson hidden {chain}", f"add rule bridge lesson hidden ip saddr {address} drop"]
    lab.host.run([nft, "-f", "-"], stdin="add table bridge lesson\n" + "\n".join(rules) + "\n")
    assert reach() == [True, False]
    lab.host.run([nft, "delete", "table", "bridge", "lesson"])
    assert reach() == [True, True]
