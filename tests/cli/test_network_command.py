"""`run` with a network of its own, and `network`, which looks at those of labs that run in other processes."""

from __future__ import annotations

import json
import socket

import pytest
from entry import COMMAND, Here, is_one_line, started

from pyctr_lab.cli.run_network import published

SERVER = """
import socket
made = socket.create_server(("", 80))
print("ready", flush=True)
made.accept()[0].sendall(b"from inside")
made.accept()
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def test_a_run_has_an_address_names_and_a_name_server(here: Here) -> None:
    words = ["--network-alias", "db", "--name", "shop", "--ip", "10.77.5.9"]
    script = "ip -4 -o address show eth0; for each in db shop demo; do getent hosts $each; done; cat /etc/resolv.conf"
    done = here("run", *words, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "inet 10.77.5.9/24" in done.stdout and "nameserver 10.77.5.1\n" in done.stdout
    assert [line.split() for line in done.stdout.splitlines()[1:4]] == [
        ["10.77.5.9", name] for name in ("db", "shop", "demo")
    ]


def test_other_name_servers_take_the_place_of_its_own(here: Here) -> None:
    done = here("run", "--network", "web", "--dns", "10.9.9.9", "--dns", "10.9.9.8", "--", "cat", "/etc/resolv.conf")
    assert done.stdout.splitlines()[:2] == ["nameserver 10.9.9.9", "nameserver 10.9.9.8"]


def test_a_published_port_leads_inside_and_others_see_the_network(here: Here) -> None:
    port = free_port()
    words = ["run", "--network", "web", "-h", "shop", "-p", f"{port}:80", "--", "python3", "-c", SERVER]
    with started(*words, by=COMMAND) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        with socket.create_connection(("127.0.0.1", port)) as there:
            assert there.recv(100) == b"from inside"
        shown = f"127.0.0.1:{port} -> 10.88."
        (line,) = (line for line in here("network", "ls").stdout.splitlines() if shown in line)
        assert line.split()[:2] == ["web", "bridge"] and line.split()[-1] == str(process.pid)
        everywhere = json.loads(here("network", "inspect", "web").stdout)
        (found,) = (each for each in everywhere if each["Lab"] == process.pid)
        (box,) = found["Containers"]
        assert box["Name"] == "shop" and box["Interface"] == "eth0"
        assert found["Ports"] == [f"127.0.0.1:{port} -> {box['IPv4Address'].partition('/')[0]}:80/tcp"]
        assert box["IPv4Address"].rpartition(".")[0] == found["IPAM"]["Config"][0]["Gateway"].rpartition(".")[0]
    assert shown not in here("network", "ls").stdout
    socket.create_server(("127.0.0.1", port)).close()  # free again


def test_a_network_that_is_not_there_is_one_line(here: Here) -> None:
    done = here("network", "inspect", "of-no-lab")
    assert done.returncode == 125 and is_one_line(done, "no lab of yours that runs has a network 'of-no-lab'")


def test_the_story_of_a_networked_run_has_the_cable_and_the_port(here: Here) -> None:
    port = free_port()
    done = here("run", "--explain", "-p", f"{port}:80", "--", "ip", "-4", "-o", "address", "show", "eth0")
    assert done.returncode == 0, done.stderr
    assert "Lay a cable from eth0 to the bridge of the network bridge." in done.stdout
    assert f"Publish 127.0.0.1:{port} -> " in done.stdout and "nlmsg_type=RTM_NEWLINK" in done.stdout


@pytest.mark.parametrize(
    ("words", "place", "inside"),
    [
        ("8080:80", "127.0.0.1:8080/tcp", 80),
        ("8053:53/udp", "127.0.0.1:8053/udp", 53),
        ("0.0.0.0:8080:80/tcp", "0.0.0.0:8080/tcp", 80),
    ],
)
def test_dockers_forms_of_a_port(words: str, place: str, inside: int) -> None:
    assert published([words]) == {place: inside}
