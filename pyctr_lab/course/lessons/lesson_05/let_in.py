"""Exercise 5.4: a rule of nftables that lets one container in, and another not."""

from __future__ import annotations

from random import Random

from .... import steps
from ....kernel import netlink
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import as_it_was
from ..kit.network_truth import PATIENCE, Heard, connection_between, heard_from, interfaces, rules
from ..kit.networks import FIRST, WEB, begin_server, network_of, remove_network, rooms, rules_of, without_nft

NETWORK = "tavern"
SHORT = 1.0  # seconds within which a connection that is let in has been answered long ago
DOOR = "add table ip door\nadd chain ip door in { type filter hook input priority 0; }\n"


class LetIn(Exercise):
    """A deed: the server stays open for one, and is closed to another, who reaches all else."""

    id = "5.4"
    title = "Let one in and not the other"
    question = """{server} ({server_address}) has a server at port 80, and {friend} ({friend_address}) and {stranger}
    ({stranger_address}) are at the same network and may both connect to it. Write a rule of nftables, where
    {stranger} cannot take it away, so that {friend} still gets in and {stranger} does not. Nothing else may change for
    {stranger}: it still reaches {friend}, and the other ports of {server}."""
    hints = (
        """Each network namespace has a ruleset of its own, and it is empty at first. The rule belongs where the
        packets come in: into the namespace of {server}, in a chain at the hook `input`.""",
        """kit.set_rules(ground["{server}"], ...) writes rules there, as in section 6, and says what nft refuses. It
        needs a table, in it a chain with `type filter hook input priority 0;`, and in that the rule. What makes
        {stranger} different is the address that its packets come from: `ip saddr`.""",
        """Three lines: add table ip door / add chain ip door in { type filter hook input priority 0; } / add rule ip
        door in ip saddr {stranger_address} tcp dport 80 drop.""",
    )
    misconceptions = (
        Misconception(
            believes="A rule for a port meets only the one whom you have in mind.",
            explains=(1,),
            message="""Now the friend is kept out, too. A rule meets every packet that fits its conditions, and the
            port is the same for all who come. Say also where the packet must come from: `ip saddr`.""",
            sign=lambda view, answer: rules(view, view.values["server"])[view.values["server"]] > 0,
            act=lambda ground: guard(ground, "server", "tcp dport 80 drop"),
        ),
        Misconception(
            believes="Who must not get in is best cut off.",
            explains=(3,),
            message="""The interface of the stranger is down, so it gets in nowhere. A rule takes one thing away, a
            cable that is cut takes all: it was to reach the others as before.""",
            sign=lambda view, answer: not stranger_is_connected(view),
            act=lambda ground: ground[ground.values["stranger"]].carry(
                netlink.request(netlink.set_link(FIRST, up=False))
            ),
        ),
        Misconception(
            believes="A rule for port 80 stops it, in whichever namespace.",
            explains=(2,),
            message="""There is a rule, but in the namespace of the stranger, and the server's has none. A ruleset
            belongs to one network namespace, and its hook `input` sees what comes in there: the server's answers, not
            what leaves for the server. Nor should a guest hold the key of the door.""",
            sign=lambda view, answer: in_the_wrong_room(view),
            act=lambda ground: guard(ground, "stranger", "tcp dport 80 drop"),
        ),
        Misconception(
            believes="A rule against an address is a rule against its visits to port 80.",
            explains=(3,),
            message="""The rule meets every packet of the stranger that comes in, for whichever port. It was to lose one
            port, and to reach the others as before: say also which, `tcp dport 80`.""",
            sign=lambda view, answer: not reaches_other_ports(view).text,
            act=lambda ground: guard(ground, "server", "ip saddr {stranger} drop"),
        ),
        Misconception(
            believes="The last rule decides.",
            explains=(2,),
            message="""The server's namespace has more than one rule, and still lets the stranger in. Rules are read
            from the first on, and `accept` or `drop` ends the chain for a packet: what stands behind a rule that
            accepts port 80 is never read for it.""",
            sign=lambda view, answer: rules(view, view.values["server"])[view.values["server"]] > 1,
            act=lambda ground: guard(ground, "server", "tcp dport 80 accept", "ip saddr {stranger} tcp dport 80 drop"),
        ),
        Misconception(
            believes="A rule with the right address and the right port fits.",
            explains=(2,),
            message="""The server's namespace has a rule, and no packet of the stranger's to port 80 is stopped by it.
            Such a packet meets the hook `input`, has the stranger's address as its source, `ip saddr`, and 80 as the
            port that it goes to, `tcp dport`.""",
            sign=lambda view, answer: rules(view, view.values["server"])[view.values["server"]] == 1,
            act=lambda ground: guard(ground, "server", "ip daddr {stranger} tcp dport 80 drop"),
        ),
    )
    after = "The ruleset is the namespace's own, its first rule that fits decides, and the address is what differs."
    names = ("baron", "duke", "earl", "squire", "thane", "yeoman")

    def unavailable_reason(self) -> str:
        return without_nft()

    def values(self, random: Random) -> Values:
        server, friend, stranger = names = random.sample(self.names, 3)
        subnet, places = f"10.70.{random.randrange(250)}", random.sample(range(2, 250), 3)
        values = {"names": names, "server": server, "friend": friend, "stranger": stranger, "subnet": f"{subnet}.0/24",
                  "mark": f"{random.getrandbits(48):012x}"}  # fmt: skip
        return {**values, **{f"{name}_address": f"{subnet}.{place}" for name, place in
                             zip(("server", "friend", "stranger"), places, strict=True)}}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        values = ground.values
        network = network_of(ground, NETWORK, values["subnet"])
        for part in sorted(("server", "friend", "stranger"), key=lambda part: str(values[part])):
            box = ground.add(values[part])
            box.apply(steps.NewNamespace("net"))
            box.apply(steps.LoopbackUp())
            network.connect(box, address=values[f"{part}_address"])
        begin_server(ground, ground[values["server"]], values["mark"])
        ground.facts["start"] = rooms(ground.view())

    def teardown(self, ground: Ground) -> None:
        remove_network(ground, NETWORK)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        values = view.values
        server, friend, stranger = values["server"], values["friend"], values["stranger"]
        first = getting_in(view, friend)
        kept_out = getting_in(view, stranger, SHORT)
        again = getting_in(view, friend)
        still = connection_between(view, stranger, friend, values["friend_address"])
        other = reaches_other_ports(view)
        found = rules(view, server, stranger)
        gets_in = values["mark"] in first.text and values["mark"] in again.text
        return [
            Requirement(
                name=f"{friend} gets in, at port 80 of {server}",
                met=gets_in,
                observed=f"measured: a connection from {friend} {again if values['mark'] in first.text else first}",
                expected="the server's answer, before and after the other has tried",
                why="a wall that keeps out all is no door",
                look=f'the rules that {server} has: ground["{server}"].run(["nft", "list", "ruleset"])',
                given=True,
            ),
            Requirement(
                name=f"{stranger} does not",
                met=not kept_out.text and bool(kept_out.why) and not found[stranger],
                observed=f"measured: a connection from {stranger} {kept_out}; rules of nftables: {found[server]} in"
                f" {server}, {found[stranger]} in {stranger}",
                expected=f"a connection that is refused, or that times out, and no rules in {stranger}",
                why="a server answers all that reaches it, if no rule stands before it",
                look=f"the ruleset of the namespace of {server}, from its first rule on",
            ),
            Requirement(
                name=f"{stranger} still reaches {friend}, and other ports of {server}",
                met=bool(still.text and other.text),
                observed=f"measured: a connection from {stranger} to {friend} {still}, and one to another port of"
                f" {server} {other}",
                expected="answers from sockets that listen there",
                why="what was asked for is a rule for one port of one server",
                look=f'ground["{stranger}"].run(["ip", "address"])',
                given=True,
            ),
            as_it_was(view, rooms(view), "network namespaces, by /proc/PID/ns/net,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        rules = f"""
        add table ip door
        add chain ip door in {{ type filter hook input priority 0; }}
        add rule ip door in ip saddr {ground.values["stranger_address"]} tcp dport 80 drop
        """
        ground[ground.values["server"]].run(["/usr/sbin/nft", "-f", "-"], stdin=rules)
        return None


def guard(ground: Ground, part: str, *wanted: str) -> None:
    """Write rules into the namespace of the container that plays a part."""
    lines = (f"add rule ip door in {rule.format(stranger=ground.values['stranger_address'])}\n" for rule in wanted)
    rules_of(ground[ground.values[part]], DOOR + "".join(lines))


# --- read by a check
def getting_in(view: KernelView, name: str, seconds: float = PATIENCE) -> Heard:
    """What a container hears from the server."""
    return heard_from(view, name, view.values["server_address"], WEB, seconds)


def reaches_other_ports(view: KernelView) -> Heard:
    """What the stranger hears from a port of the server's that no rule was to close."""
    return connection_between(view, view.values["stranger"], view.values["server"], view.values["server_address"])


def stranger_is_connected(view: KernelView) -> bool:
    """Whether the stranger has its address on an interface that is up and has a carrier."""
    name, address = view.values["stranger"], view.values["stranger_address"]
    return any(each.up and each.carrier and f"{address}/24" in each.addresses for each in interfaces(view, name)[name])


def in_the_wrong_room(view: KernelView) -> bool:
    """Whether the stranger's namespace has a rule, and the server's none."""
    found = rules(view, view.values["server"], view.values["stranger"])
    return not found[view.values["server"]] and bool(found[view.values["stranger"]])
