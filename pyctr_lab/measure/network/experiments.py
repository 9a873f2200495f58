"""The experiments with networks, but for starts: how each is made ready, and its turns."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from ...errors import LabError
from ...lab import Lab
from ..options import Measurement
from ..rounds import TurnTaker
from .places import ProgramPlace, at_network, beside_us, by_hand, starting_in
from .senders import connection, find_sender, free_port, printed_number, program_words, stream
from .sizes import NetworkSizes

PORT = 5201
CROWD_SUBNETS = ("172.29.0.0/21", "192.168.0.0/21", "10.251.0.0/21")


@dataclass(frozen=True)
class NetworkExperiment:
    """What makes its engines ready, for each one turn; engines that cannot be are left out with a reason."""

    prepare: Callable[[NetworkSizes, ExitStack, dict[str, str]], dict[str, TurnTaker]]
    repetitions: int = 10
    warm_up: bool = True


def bytes_turns(sizes: NetworkSizes, stack: ExitStack, missing: dict[str, str]) -> dict[str, TurnTaker]:
    """Two containers over a network's bridge, and two namespaces that ip(8) made."""
    lab = stack.enter_context(Lab(private=True))
    network = lab.network("bench")
    pairs = {"ours": (at_network(lab, "one", network), at_network(lab, "two", network))}
    try:
        pairs["ip netns"] = by_hand(stack.enter_context(Lab(private=True)))
    except LabError as why:
        missing["ip netns"] = str(why)
    sender = find_sender()

    def turn(client: ProgramPlace, server: ProgramPlace) -> Iterator[Measurement]:
        yield Measurement(stream(sender, client, server, PORT, sizes.seconds, (server.address, PORT)))

    return {name: partial(turn, *pair) for name, pair in pairs.items()}


def port_turns(
    measured: Callable[[ProgramPlace, ProgramPlace, int, tuple[str, int]], float], stack: ExitStack
) -> dict[str, TurnTaker]:
    """A published port of a container, and a server of this machine, asked by one client."""
    lab, port = stack.enter_context(Lab(private=True)), free_port()
    published = at_network(lab, "one", lab.network("bench"), {port: PORT})
    client = ProgramPlace(beside_us)

    def loopback() -> Iterator[Measurement]:
        here = free_port()
        yield Measurement(measured(client, client, here, (client.address, here)))

    def relayed() -> Iterator[Measurement]:
        yield Measurement(measured(client, published, PORT, (client.address, port)))

    return {"published": relayed, "loopback": loopback}


def port_bytes_turns(sizes: NetworkSizes, stack: ExitStack, _: dict[str, str]) -> dict[str, TurnTaker]:
    """Bytes through a published port."""
    sender = find_sender()
    return port_turns(lambda client, server, port, at: stream(sender, client, server, port, sizes.seconds, at), stack)


def connection_turns(sizes: NetworkSizes, stack: ExitStack, _: dict[str, str]) -> dict[str, TurnTaker]:
    """One more connection to a published port."""
    return port_turns(lambda client, server, port, at: connection(client, server, port, sizes.connections, at), stack)


def crowd_turns(sizes: NetworkSizes, stack: ExitStack, _: dict[str, str]) -> dict[str, TurnTaker]:
    """Many containers at one network, and the end of their lab."""

    def turn() -> Iterator[Measurement]:
        with Lab(private=True) as lab:
            network = lab.network("crowd", subnet=free_crowd_subnet())
            took = []
            for number in range(sizes.crowd):
                began = time.perf_counter()
                lab.start(["sleep", "86400"], network=network, aliases=(f"c{number}",))
                took.append(time.perf_counter() - began)
            began = time.perf_counter()
            lab.close()
            closed = time.perf_counter() - began
        some = min(50, max(1, len(took) // 2))
        last = statistics.median(took[-some:]) / statistics.median(took[:some])
        for experiment, value in (("", sum(took)), ("net_last", last), ("net_close", closed)):
            yield Measurement(value, sizes.crowd, experiment)

    return {"ours": turn}


def free_crowd_subnet() -> str:
    """A subnet with room for a crowd that this machine has no route to."""
    from ...networks.subnets import check_subnet, machine_subnets

    there = machine_subnets()
    free = (text for text in CROWD_SUBNETS if not any(check_subnet(text).overlaps(each) for each in there))
    return next(free, CROWD_SUBNETS[0])


def name_turns(sizes: NetworkSizes, stack: ExitStack, _: dict[str, str]) -> dict[str, TurnTaker]:
    """Questions to a network's name server, while this process waits and while it computes."""
    lab = stack.enter_context(Lab(private=True))
    network = lab.network("bench")
    at_network(lab, "one", network)
    client = ProgramPlace(starting_in(lab.host))
    words = program_words("queries", network.router, "one", sizes.questions)

    def turn() -> Iterator[Measurement]:
        yield Measurement(printed_number(client.output(words)))

    def busy_turn() -> Iterator[Measurement]:
        with computing():
            yield from turn()

    return {"idle": turn, "computing": busy_turn}


@contextmanager
def computing() -> Iterator[None]:
    """Have a thread of this process compute, as a cell does."""
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


NETWORK_EXPERIMENTS = {
    "net_bytes": NetworkExperiment(bytes_turns),
    "net_port": NetworkExperiment(port_bytes_turns),
    "net_connect": NetworkExperiment(connection_turns),
    "net_crowd": NetworkExperiment(crowd_turns, repetitions=3, warm_up=False),
    "net_names": NetworkExperiment(name_turns, repetitions=5),
}
