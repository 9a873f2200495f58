"""What the network picture says: who is plugged in, who is cut off and why, where the published ports lead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...kernel.checks import check_kind
from ...networks.view import Door, Learned, Link, NetworkView, Room
from ..layers.words import first_that_fits
from ..svg import clean_text
from ..wording import counted_noun, cut_title, listed

MOST_ROOMS, MOST_DOORS = 8, 3
HINT = "draw.network(net.view())"


@dataclass(frozen=True)
class Plug:
    """A container on a network: its namespace, its end of the cable, and the bridge's end, each where there is one.

    `cut` says in a word or two why no packet gets through; empty: the cable is whole.
    """

    room: Room
    end: Link | None
    port: Link | None
    cut: str

    @property
    def name(self) -> str:
        """The container's, fit for a picture."""
        return clean_text(self.room.name, 80)

    @property
    def addresses(self) -> str:
        """Of its end; link-local ones, which every interface with IPv6 has, only if there are no others."""
        found = self.end.addresses if self.end else ()
        return clean_text(", ".join([each for each in found if not each.startswith("fe80:")] or found))

    @property
    def state(self) -> str:
        """What `ip link` says inside the container."""
        if self.end is None:
            return "no cable"
        if not self.end.up:
            return "down"
        return "up" if self.end.carrier else "NO-CARRIER"

    @property
    def packets(self) -> int:
        """As the container's end counts them, received and sent."""
        return self.end.packets if self.end else 0


@dataclass(frozen=True)
class NetworkPlan:
    """A view with what follows from it."""

    view: NetworkView

    @cached_property
    def bridge(self) -> Link | None:
        """The bridge, if the lab has it."""
        return next((each for each in self.view.host.links if each.name == self.view.bridge), None)

    @cached_property
    def plugs(self) -> tuple[Plug, ...]:
        """All containers, as the view has them."""
        ports = {each.index: each for each in self.view.host.links if each.kind == "veth"}
        return tuple(self._plug(room, ports) for room in self.view.rooms)

    def _plug(self, room: Room, ports: dict[int, Link]) -> Plug:
        ends = [each for each in room.links if each.kind == "veth"]
        here = [each for each in ends if each.peer in ports and ports[each.peer].master == self.view.bridge]
        end = next(iter(here or ends), None)
        port = ports.get(end.peer) if end else None
        return Plug(room, end, port, self._why_cut(end, port))

    def _why_cut(self, end: Link | None, port: Link | None) -> str:
        if end is None or port is None:
            return "no cable" if end is None else "peer not here"
        bridge = self.view.bridge
        reasons = (
            (port.master != bridge, f"{port.name} not in {bridge}"), (not port.up, f"{port.name} down"),
            (not end.up, f"{end.name} down"), (not end.carrier, "NO-CARRIER"),
            (not (self.bridge and self.bridge.up), f"{bridge} down"), (not end.addresses, "no address"),
        )  # fmt: skip
        return clean_text(next((word for holds, word in reasons if holds), ""))

    @cached_property
    def cut(self) -> tuple[Plug, ...]:
        """The containers that are cut off."""
        return tuple(each for each in self.plugs if each.cut)

    def is_new(self, what: Plug | Door | Learned) -> bool:
        """Whether it is the one thing that has changed: looked for among containers, then doors, then addresses."""
        changed = self.view.changed
        if not changed:
            return False
        if isinstance(what, Plug):
            return changed in (what.room.name, what.port.name if what.port else "")
        if any(self.is_new(each) for each in self.plugs):
            return False
        if isinstance(what, Door):
            return what is next((each for each in self.view.doors if str(each.port) == changed), None)
        return what.mac == changed and not any(changed == str(each.port) for each in self.view.doors)

    @cached_property
    def shown(self) -> tuple[Plug, ...]:
        """The containers that are drawn: the first ones, and the changed one in any case."""
        first = self.plugs[:MOST_ROOMS]
        new = [each for each in self.plugs[MOST_ROOMS:] if self.is_new(each)][:1]
        return (*first[: MOST_ROOMS - len(new)], *new)

    def target(self, door: Door) -> str:
        """The name of the container to which a published port leads, else its address."""
        for plug in self.plugs:
            addresses = plug.end.addresses if plug.end else ()
            if door.target == plug.room.name or door.target in [each.split("/")[0] for each in addresses]:
                return plug.name
        return clean_text(door.target, 80)

    @property
    def rest(self) -> str:
        """The containers that are not drawn, counted."""
        hidden = [each for each in self.plugs if each not in self.shown]
        cut = sum(bool(each.cut) for each in hidden)
        return f"and {len(hidden):,} more" + (f", {cut:,} of them cut off" if cut else "") if hidden else ""


def network_plan(view: NetworkView) -> NetworkPlan:
    """The data, checked."""
    return NetworkPlan(check_kind(view, NetworkView, "a network to draw", hint=HINT))


def door_place(door: Door) -> str:
    """`127.0.0.1:8080`; `udp` is added."""
    udp = "" if door.protocol == "tcp" else f" {door.protocol}"
    return clean_text(
        f"[{door.address}]:{door.port}{udp}" if ":" in door.address else f"{door.address}:{door.port}{udp}"
    )


def title(view: NetworkView) -> str:
    """The finding: who is cut off and who is not, and where the first published port leads."""
    plan = network_plan(view)
    count, bridge = len(plan.plugs), clean_text(view.bridge, 15)
    if not count:
        return cut_title(f"{bridge} has no container: a bridge without cables")
    doors = [f"{door_place(each)} leads to {plan.target(each)}" for each in view.doors]
    news = _title_of_change(plan, doors)
    if news:
        return cut_title(first_that_fits(*news))
    if len(plan.cut) == count:
        alone = f"{plan.plugs[0].name}, alone on {bridge}, is cut off: {plan.plugs[0].cut}"
        return cut_title(alone if count == 1 else f"None of {count:,} containers is connected through {bridge}")
    if plan.cut:
        names = listed([f"{each.name} ({each.cut})" for each in plan.cut])
        said = f"{len(plan.cut):,} of {count:,} containers {'is' if len(plan.cut) == 1 else 'are'} cut off"
        return first_that_fits(f"{said}: {names}", said)
    who = (
        f"{plan.plugs[0].name} is alone on {bridge}"
        if count == 1
        else f"{count:,} containers on {bridge}, none cut off"
    )
    return cut_title(first_that_fits("; ".join([who, *doors[:1]]), who))


def _title_of_change(plan: NetworkPlan, doors: list[str]) -> list[str]:
    """What has changed, as titles, the longest first; none if nothing has."""
    view = plan.view
    for plug in filter(plan.is_new, plan.plugs):
        return _titles_of_plug(plug, plan)
    for door, said in zip(view.doors, doors, strict=True):
        if plan.is_new(door):
            return [f"New: {said}, port {door.target_port}", f"New: {said}"]
    return [f"{view.bridge} has learned {each.mac} behind {each.port}" for each in view.learned if plan.is_new(each)]


def _titles_of_plug(plug: Plug, plan: NetworkPlan) -> list[str]:
    if not plug.cut:
        said = f"{plug.name} is plugged into {clean_text(plan.view.bridge, 15)}"
        return [f"{said} as {plug.addresses}", said]
    said, whole = f"{plug.name} is cut off ({plug.cut})", [each.name for each in plan.plugs if not each.cut]
    verb = "is" if len(whole) == 1 else "are"
    titles = [f"{said}: {listed(whole)} {verb} still connected", f"{said}: {len(whole):,} others {verb} not"]
    return [*titles[: 2 if len(whole) > 1 else len(whole)], said]


def alt_text(view: NetworkView) -> str:
    """The doors, the bridge, each container's cable and addresses, what was learned; what has changed comes last."""
    plan = network_plan(view)
    at = f", {', '.join(plan.bridge.addresses)}" if plan.bridge and plan.bridge.addresses else ""
    parts = [f"Map of network {view.name}, {view.subnet}. {title(view)}."]
    parts += [_door_words(each, plan) for each in view.doors] or ["No port is published."]
    parts.append(
        f"Bridge {view.bridge}{at}{'' if plan.bridge else ', which the lab does not have'}, in {view.host.name}."
    )
    parts += [_plug_words(each) for each in plan.shown]
    parts += [f"{plan.rest[0].upper()}{plan.rest[1:]}."] if plan.rest else []
    known = [f"{each.mac} behind {each.port}, heard {age_words(each.age)}" for each in view.learned[:MOST_ROOMS]]
    known += [f"and {len(view.learned) - MOST_ROOMS:,} more"] if len(view.learned) > MOST_ROOMS else []
    parts.append(f"{view.bridge} has learned {'; '.join(known) or 'no address'}.")
    parts += [f"Changed now: {view.changed}."] if view.changed else []
    return clean_text(" ".join(parts), 16_000)


def _door_words(door: Door, plan: NetworkPlan) -> str:
    where = f"port {door.target_port} of {plan.target(door)}"
    way = f"leads to a relay in the lab and from there to {where}" if door.relay else f"is held by the server, {where}"
    return f"The notebook's {door_place(door)} {way}."


def _plug_words(plug: Plug) -> str:
    end = f"{plug.end.name}, {plug.addresses or 'no address'}, {plug.state}" if plug.end else "no cable"
    port = f", on the bridge's side {plug.port.name}" if plug.port else ""
    cut = f"; cut off: {plug.cut}" if plug.cut else ""
    return f"{plug.name}: {end}{port}, {counted_noun(plug.packets, 'packet')}{cut}."


def age_words(seconds: float) -> str:
    """How long ago a bridge has heard an address."""
    return f"{seconds:.1f} s ago" if seconds < 10 else f"{seconds:,.0f} s ago"


def newest_change(before: NetworkView, after: NetworkView) -> str:
    """What has changed between two moments, as `NetworkView.changed` names it; empty: nothing but counts and ages."""
    old, new = network_plan(before), network_plan(after)
    was = {each.room.name: (each.cut, each.addresses) for each in old.plugs}
    for plug in new.plugs:
        if was.get(plug.room.name) != (plug.cut, plug.addresses):
            return plug.room.name
    ports, known = {each.port for each in before.doors}, {each.mac for each in before.learned}
    doors = [str(each.port) for each in after.doors if each.port not in ports]
    return next(iter(doors + [each.mac for each in after.learned if each.mac not in known]), "")
