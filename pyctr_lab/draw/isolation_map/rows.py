"""What two views say, in words: one row a namespace kind, the host's side and the container's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from ...kernel.proc import Mount
from ...runtime.view import Interface, View
from ..svg import clean_text
from ..wording import quoted_name

Sight = View | str
"""A view, or, where there is none, the reason in a few words ("ended")."""

NAMES = {
    "uts": ("UTS", "host name"),
    "pid": ("PID", "processes"),
    "mnt": ("Mount", "file system"),
    "net": ("Network", "interfaces"),
    "user": ("User", "identity"),
    "ipc": ("IPC", "shared memory"),
    "cgroup": ("Cgroup", "resource tree"),
    "time": ("Time", "boot clock"),
}
"""The rows of the map in their order: kind, its name, and what it holds."""

COPIED = ("uts", "mnt", "time")
"""The kinds whose new namespace begins as a copy; the others begin empty."""

ALIKE = {
    "pid": "its own, looks alike", "net": "its own, looks alike", "ipc": "its own, looks alike",
    "cgroup": "its own root",
}  # fmt: skip
"""What a wall does where both sides show the same, for the kinds that are no copy."""

OVERFLOW_ID = 65534


@dataclass(frozen=True)
class WallRow:
    """One kind seen from both sides. `wall` is None where one side cannot be seen."""

    kind: str
    outside: tuple[str, ...]
    inside: tuple[str, ...]
    wall: bool | None
    inodes: tuple[int, int]
    changed: bool = False
    left_open: str = ""  # why the learner's own choice left it open
    copy: bool = False  # a wall with the same to be seen on both sides
    alike: str = ""  # what such a wall does where it is no copy

    @property
    def name(self) -> str:
        return NAMES[self.kind][0]

    @property
    def tag(self) -> str:
        """The words at the end of the container's side; empty where there is nothing to say."""
        if self.changed:
            return "changed now" + (": a copy" if self.copy else ": its own" if self.alike else "")
        return self.left_open or ("a copy so far" if self.copy else self.alike)


@dataclass(frozen=True)
class MapData:
    """What a map shows: what the container sees and what its host sees, or the reason why there is no view (`"ended"`).

    `other` is the name of the container on the left, where it is not the host; `finding` a title that says something
    else than the walls do.
    `when` is the subtitle, `changed` the kinds that the last step changed, `left_open` says for a kind why the learner
    left it open, `spent` is the cost so far, and `focus` the kind that the title speaks of.
    """

    inside: Sight
    outside: Sight
    name: str
    when: str = ""
    changed: Collection[str] = ()
    left_open: Mapping[str, str] = field(default_factory=dict)
    spent: str = ""
    focus: str = ""
    other: str = ""
    finding: str = ""

    @cached_property
    def rows(self) -> tuple[WallRow, ...]:
        """The eight rows."""
        return wall_rows(
            self.inside, self.outside, changed=self.changed, left_open=self.left_open, host=not self.other
        )

    @property
    def beside(self) -> str:
        """Who is on the left, in a sentence."""
        return quoted_name(self.other) if self.other else "the host"


def wall_rows(
    inside: Sight,
    outside: Sight,
    *,
    changed: Collection[str] = (),
    left_open: Mapping[str, str] | None = None,
    host: bool = True,
) -> tuple[WallRow, ...]:
    """The eight rows of the map. `changed` are kinds of the last step; `left_open` says why a wall is missing.

    `host`: the outside is the host, not another container.
    """
    return tuple(_row(kind, inside, outside, changed, left_open or {}, host) for kind in NAMES)


def _row(
    kind: str, inside: Sight, outside: Sight, changed: Collection[str], left_open: Mapping[str, str], host: bool
) -> WallRow:
    numbers = (_inode(outside, kind), _inode(inside, kind))
    if isinstance(inside, str) or isinstance(outside, str):
        return WallRow(kind, side_lines(kind, outside), side_lines(kind, inside), None, numbers)
    wall = numbers[0] != numbers[1]
    open_words = "" if wall else clean_text(left_open.get(kind, ""))
    same = wall and _content(kind, inside) == _content(kind, outside)
    left, right = side_lines(kind, outside), side_lines(kind, inside, outside if host else None)
    if wall and kind == "mnt":
        right = own_first(right, left)
    if kind == "pid" and shows_other_proc(inside, outside):
        whose = f"the host's {len(outside.processes)}" if host else f"{len(outside.processes)} from outside"
        right = (*right[:1], f"/proc still lists {whose}", *right[1:])
    alike = ("its own, empty" if right == ("none",) else ALIKE.get(kind, "")) if same else ""
    return WallRow(kind, left, right, wall, numbers, kind in changed, open_words, same and kind in COPIED, alike)


def own_first(lines: tuple[str, ...], others: Sequence[str]) -> tuple[str, ...]:
    """The line of `/`, then the mounts that the other side lacks, then all that both have."""
    known = list(others)
    own: list[str] = []
    both: list[str] = []
    for text in lines[1:]:
        (both if text in known else own).append(text)
        if text in known:
            known.remove(text)
    return (*lines[:1], *own, *both)


def shows_other_proc(inside: View, outside: View) -> bool:
    """Whether /proc inside lists the processes of the PID namespace outside: the wall is up, and /proc is the old one.

    The proc of each PID namespace is a file system of its own, with a device number of its own.
    """
    ours, theirs = (top_mount(view, "/proc") for view in (inside, outside))
    if inside.namespaces.get("pid") == outside.namespaces.get("pid") or ours is None or theirs is None:
        return False
    return bool(ours.device) and ours.device == theirs.device


def top_mount(view: View, target: str) -> Mount | None:
    """The uppermost mount on a target, which is the one that is seen."""
    return next((mount for mount in reversed(view.mounts) if mount.target == target), None)


def _inode(side: Sight, kind: str) -> int:
    return 0 if isinstance(side, str) else side.namespaces.get(kind, 0)


def _content(kind: str, view: View) -> object:
    """What is compared to find a copy: mount ids differ in a copied namespace, targets and sources do not."""
    contents = {
        "mnt": sorted((mount.target, mount.kind, mount.source) for mount in view.mounts),
        "time": round(view.uptime / 60),
    }
    return contents.get(kind) or side_lines(kind, view)


def side_lines(kind: str, side: Sight, host: View | None = None) -> tuple[str, ...]:
    """What one side sees of one kind: all of it, a line each, the most telling first. Nothing where there is no view.

    With the `host`'s view beside it, an identity has its id on the host too.
    """
    if isinstance(side, str):
        return ()
    lines: dict[str, Callable[[View], list[str]]] = {
        "uts": lambda view: [view.hostname or "(empty)"],
        "pid": lambda view: [f"{process.pid} {process.name}" for process in view.processes],
        "mnt": lambda view: mount_lines(view.mounts),
        "net": lambda view: [interface_line(each) for each in view.interfaces] or ["none"],
        "user": lambda view: user_lines(view, host),
        "ipc": lambda view: [ipc_objects(view.ipc.segments, view.ipc.queues, view.ipc.semaphores)],
        "cgroup": lambda view: [view.cgroup],
        "time": lambda view: [f"up {uptime_words(view.uptime)}"],
    }
    return tuple(clean_text(line) for line in lines[kind](side))


def user_lines(view: View, host: View | None) -> list[str]:
    """The user's id inside, on the host and on the machine, and the number of capabilities."""
    return [identity_line(view, host), *machine_id_line(view), capability_count(len(view.capabilities))]


def mount_lines(mounts: Sequence[Mount]) -> list[str]:
    """All of them: `/` first, then the ways into the tree, the shortest first; covered ones last."""
    last = {mount.target: mount for mount in mounts}
    top, covered = list(last.values()), [mount for mount in mounts if last[mount.target] is not mount]
    covering = {mount.target for mount in covered}
    top.sort(key=lambda mount: (mount.target != "/", mount.target.count("/"), mount.target))
    lines = [mount_line(mount) + ", over another" * (mount.target in covering) for mount in top]
    return lines + [f"{mount_line(mount)}, covered" for mount in covered]


def mount_line(mount: Mount) -> str:
    """`/proc  proc`, `/usr  ext4, read-only`."""
    return f"{mount.target}  {mount.kind}{', read-only' if mount.readonly else ''}"


def interface_line(interface: Interface) -> str:
    """`lo  127.0.0.1`, or `lo  DOWN`."""
    state = " ".join(interface.addresses) or "up"
    return f"{interface.name}  {state if interface.up else 'DOWN'}"


def identity_line(view: View, host: View | None = None) -> str:
    """`uid 0 root → 1000 on host`; without a map the kernel says 65534, nobody."""
    name = {0: " root", OVERFLOW_ID: " nobody"}.get(view.uid, "")
    if not view.uid_map:
        return f"uid {view.uid}{name}, no map yet"
    there = id_on_host(view, host) if host and not view.same(host)["user"] else None
    return f"uid {view.uid}{name}" + (f" → {there} on host" if there is not None else "")


def machine_id_line(view: View) -> list[str]:
    """`1000 on your machine`: the id outside the lab. Nothing where the map changes nothing."""
    there = id_on_machine(view)
    return [] if there in (None, view.uid) else [f"{there} on your machine"]


def id_on_machine(view: View) -> int | None:
    """The id that a view's own user has in the notebook's eyes; None where it has none."""
    return translated_id(view.uid, [(each.inside, each.outside, each.count) for each in view.uid_map])


def id_on_host(view: View, host: View) -> int | None:
    """The id that a view's own user has in the host's eyes; None where it has none."""
    outermost = id_on_machine(view)
    back = [(each.outside, each.inside, each.count) for each in host.uid_map]
    return None if outermost is None else translated_id(outermost, back)


def translated_id(number: int, ranges: Sequence[tuple[int, int, int]]) -> int | None:
    """Where ranges of (from, to, count) take `number`."""
    return next((to + number - start for start, to, count in ranges if start <= number < start + count), None)


def capability_count(capabilities: int) -> str:
    """How many capabilities are in effect, in words."""
    return {0: "no capabilities", 1: "1 capability"}.get(capabilities, f"{capabilities} capabilities")


def ipc_objects(segments: int, queues: int, semaphores: int) -> str:
    """The existing System V objects, by kind."""
    counts = ((segments, "segment"), (queues, "queue"), (semaphores, "semaphore set"))
    return ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count) or "none"


def uptime_words(seconds: float) -> str:
    """Two units at most: `3 h 12 min`, `10 years 4 d`."""
    units = ((31_557_600, " years"), (86_400, " d"), (3_600, " h"), (60, " min"), (1, " s"))
    whole = max(0, int(seconds))
    for (size, name), (smaller, small_name) in pairwise(units):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{name[:-1] if name == ' years' and whole // size == 1 else name}" + (
                f" {rest}{small_name}" if rest else ""
            )
    return f"{whole} s"


def cut_lines(lines: Sequence[str], limit: int) -> list[str]:
    """At most `limit` lines; the last one says how many more there are."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[: limit - 1], f"… {len(lines) - limit + 1} more"]


def cut_lines_inline(lines: Sequence[str], limit: int) -> list[str]:
    """As `cut_lines`, but the number of lines left out ends the last line shown."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[: limit - 1], f"{lines[limit - 1]}  … {len(lines) - limit} more"]
