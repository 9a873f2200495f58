"""Published ports: who is reached, and that a port is free again, whatever ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from networks.boxes import (
    HERE,
    SERVER,
    asked,
    await_end,
    free_port,
    is_free,
    ready,
    refused,
    service_pid,
    serving,
    walled,
)
from pyctr_lab import Lab, Program
from pyctr_lab.kernel.proc import has_ended
from pyctr_lab.networks import Network
from pyctr_lab.networks.ports import OpenPort

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


@pytest.fixture(scope="module")
def web(lab: Lab) -> Network:
    return lab.network("web", subnet="10.77.0.0/24")


def open_port(lab: Lab, port: int) -> OpenPort:
    return next(each for each in lab.networks.ports if each.wanted.port == port and each.is_open)


def end(program: Program) -> None:
    program.kill()
    program.wait()


def test_two_servers_on_port_80_are_both_published(lab: Lab, web: Network) -> None:
    ports = free_port(), free_port()
    programs = [serving(lab, f"server {port}", network=web, publish={port: 80}) for port in ports]
    for port in ports:
        assert asked(port) == f"server {port}".encode()
    end(programs[0])
    assert is_free(ports[0]) and asked(ports[1]) == f"server {ports[1]}".encode()
    end(programs[1])
    assert is_free(ports[1])


def test_a_port_is_of_one_address_alone(lab: Lab, web: Network) -> None:
    port = free_port()
    program = serving(lab, "hello", network=web, publish={f"127.0.0.2:{port}": 80})
    assert is_free(port)
    with socket.create_connection(("127.0.0.2", port), 20):
        pass
    end(program)


def test_datagrams_are_published(lab: Lab, web: Network) -> None:
    port = free_port(socket.SOCK_DGRAM)
    echo = "import socket; s = socket.socket(2, 2); s.bind(('0.0.0.0', 53))\nwhile 1: s.sendto(*s.recvfrom(99))"
    program = lab.start(["/usr/bin/python3", "-I", "-S", "-c", echo], network=web, publish={f"{port}/udp": 53})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HERE, port))
        sock.settimeout(0.1)
        for _ in range(200):
            sock.send(b"hello")
            try:
                assert sock.recv(99) == b"hello"
                break
            except TimeoutError:  # it does not listen yet
                continue
        else:
            pytest.fail("no answer")
    end(program)


def test_a_live_container_publishes_a_port(lab: Lab, web: Network) -> None:
    port = free_port()
    box = walled(lab, "box", network=web, publish={port: 80})
    program = ready(box.start([*SERVER, "hello"]))
    assert asked(port) == b"hello"
    box.kill()
    assert is_free(port) and program.wait().signal == "SIGKILL"


def test_a_port_that_is_taken_is_said_before_anything_starts(lab: Lab, web: Network) -> None:
    with socket.create_server((HERE, 0)) as other:
        port = other.getsockname()[1]
        with refused(match=f"port {port} of 127.0.0.1 is taken"):
            lab.start(["sleep", "1000"], network=web, publish={port: 80})
        assert web.containers == []
    program = lab.start(["sleep", "1000"], network=web, publish={port: 80})
    with refused(match=f"port {port} of 127.0.0.1 is taken"):
        lab.run(["true"], network=web, publish={port: 80})
    assert open_port(lab, port) and web.containers == ["demo"]
    end(program)


@pytest.mark.parametrize("kind", ["program", "box"])
def test_a_container_that_is_killed_frees_its_port_though_no_caller_waits(lab: Lab, web: Network, kind: str) -> None:
    port = free_port()
    words = {"network": web, "publish": {port: 80}}
    holder = lab.start(["sleep", "1000"], **words) if kind == "program" else walled(lab, "box", **words)  # type: ignore[arg-type]
    port_of = open_port(lab, port)
    relay = service_pid(port_of.relay)
    os.kill(holder.machine_pid, signal.SIGKILL)
    await_end(port_of.relay.machine_pid)
    assert is_free(port) and has_ended(relay)
    again = lab.start(["sleep", "1000"], network=web, publish={port: 80})
    holder.wait()
    assert open_port(lab, port).is_open, "waiting for the old one does not close the port of the new one"
    end(again)


def test_a_program_that_ends_by_itself_frees_its_port(lab: Lab, web: Network) -> None:
    port = free_port()
    assert lab.run(["true"], network=web, publish={port: 80}).returncode == 0
    assert is_free(port)
    program = lab.start(["cat"], network=web, publish={port: 80}, stdin="")
    assert program.wait().returncode == 0 and is_free(port)


def test_a_killed_relay_leaves_the_port_free_and_the_container_alive(lab: Lab, web: Network) -> None:
    port = free_port()
    program = serving(lab, "hello", network=web, publish={port: 80})
    relay = open_port(lab, port).relay
    os.kill(service_pid(relay), signal.SIGKILL)
    await_end(relay.machine_pid)
    assert is_free(port) and program.alive
    end(program)


def test_a_start_that_fails_frees_its_port(lab: Lab, web: Network) -> None:
    port = free_port()
    with pytest.raises(OSError, match="ENOENT"):
        lab.start(["/no/such/program"], network=web, publish={port: 80})
    assert is_free(port) and web.containers == []
    with socket.create_server((HERE, 0)) as taken, refused(match="is taken"):
        lab.start(["true"], network=web, publish={port: 80, taken.getsockname()[1]: 81})
    assert is_free(port) and web.containers == []


def test_closing_the_lab_frees_its_ports() -> None:
    port = free_port()
    with Lab(private=True) as lab:
        lab.start(["sleep", "1000"], network=lab.network("web"), publish={port: 80})
        assert not is_free(port)
    assert is_free(port)


LOW = """
import sys
from pyctr_lab import Lab
from pyctr_lab.errors import BadInput
with Lab() as lab:
    web = lab.network("web")
    try:
        lab.run(["true"], network=web, publish={80: 80})
    except BadInput as why:
        print(why)
    print(lab.run(["busybox", "ping", "-c1", "-W10", web.router], network=web).returncode, web.containers)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become another user")
def test_a_low_port_is_for_root_alone() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("this machine gives low ports to every user")
    user = ["setpriv", "--reuid=61237", "--regid=61237", "--clear-groups"]
    done = subprocess.run([*user, sys.executable, "-P", "-c", LOW], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.splitlines() == ["port 80 is for root alone (take one above 1023: 8080)", "0 []"], done.stderr


def test_the_port_is_the_relays_alone(lab: Lab, web: Network) -> None:
    """No other process of the lab, or of the notebook, keeps it open."""
    port = free_port()
    program = lab.start(["sleep", "1000"], network=web, publish={port: 80})
    relay = open_port(lab, port).relay
    sockets = {
        f"socket:[{line.split()[9]}]"
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if f":{port:04X} " in line.split(None, 2)[1] + " "
    }
    assert len(sockets) == 1
    holders = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        except OSError:
            continue
        holders |= {int(pid)} if held & sockets else set()
    assert holders <= {relay.machine_pid, service_pid(relay)} and service_pid(relay) in holders
    end(program)
