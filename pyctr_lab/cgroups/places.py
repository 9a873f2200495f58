"""Find the cgroups we may write to: all of them as root, else the ones delegated to this user.

Found by trying access(2) on the folders. Source: cgroup-v2.rst, "Delegation".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shutil import which

from .files import Setting, read_file
from .hierarchies import Tree, style, trees
from .v1 import V1_CONTROLLER

ACCOUNTED = ("cpu", "cpuacct", "memory", "pids", "blkio", "freezer")  # of version 1: each group of ours is in these
LIMITED = ("cpu", "memory", "pids", "io", "cpuset")
PREFIX = "pyctr-lab-"  # of the names of labs' own groups
GRANT_V2 = "systemd-run --user --scope -p 'Delegate=cpu cpuset io memory pids' ./lab"
#: What systemd's unit user@.service delegates to a user's session. GRANT_V2 can pass on no more than that.
SESSION = frozenset(("cpu", "memory", "pids"))
DROP_IN = "/etc/systemd/system/user@.service.d"
MORE_V2 = (
    f"mkdir -p {DROP_IN} && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' >{DROP_IN}/delegate.conf && "
    "systemctl daemon-reload"
)


@dataclass(frozen=True)
class Place:
    """A folder of a tree below which we may make groups."""

    tree: Tree
    base: str
    controllers: tuple[str, ...]  # of the tree, or in version 2 the ones enabled in the group itself
    cpus: str = field(default="", compare=False)  # its processors and memory nodes, where it has the cpuset controller
    mems: str = field(default="", compare=False)

    @property
    def inherited(self) -> tuple[Setting, ...]:
        """Settings that a fresh v1 cpuset needs before a process may enter: it begins with nothing."""
        if self.tree.version == 1 and "cpuset" in self.controllers:
            return (Setting("cpuset.cpus", self.cpus), Setting("cpuset.mems", self.mems))
        return ()


@dataclass(frozen=True)
class Delegation:
    """What may be limited here. `places` has version 2's tree first; a controller that no place has is missing."""

    style: str
    places: tuple[Place, ...]
    cpuset: Place | None = None  # on version 1: a group is in that tree only when it is asked for
    offered: frozenset[str] = field(default=frozenset())  # the controllers of this kernel
    mounts: tuple[str, ...] = ()  # where root would delegate a folder: all of version 1's, or version 2's alone

    @property
    def controllers(self) -> frozenset[str]:
        """What may be limited, by version 2's names."""
        names = {name for place in self.everywhere for name in place.controllers}
        return frozenset(name for name in LIMITED if V1_CONTROLLER.get(name, name) in names or name in names)

    @property
    def everywhere(self) -> tuple[Place, ...]:
        """All places, with that of cpuset."""
        return self.places + ((self.cpuset,) if self.cpuset else ())

    def place(self, controller: str) -> Place | None:
        """Where a controller (by version 2's name) is."""
        names = {controller, V1_CONTROLLER.get(controller, controller)}
        return next((place for place in self.everywhere if names & set(place.controllers)), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """What cannot be limited, in the usual order."""
        return tuple(name for name in LIMITED if name not in self.controllers)

    def why(self, controller: str) -> str:
        """Why it cannot be limited."""
        if controller not in LIMITED:
            return f"there is no controller {controller!r}: there are {', '.join(LIMITED)}"
        if controller not in self.offered:
            return f"this kernel offers no {controller} controller"
        return f"no cgroup with the {controller} controller is delegated to this user"

    @property
    def grant(self) -> str:
        """The command that delegates what is missing, or the larger part of it: `root_grant` delegates the rest."""
        if self.style == "v2" and (has_user_manager() or not self.mounts):
            rest = set(self.beyond_session)
            return self.root_grant if rest and rest == set(self.missing) & self.offered else GRANT_V2
        return as_root(self._granting(), os.getuid(), sudo=bool(which("sudo")))

    @property
    def beyond_session(self) -> tuple[str, ...]:
        """The missing controllers that systemd does not delegate to this user's session, so that no scope gets them."""
        if self.style != "v2" or not has_user_manager():
            return ()
        given = self._of_session()
        return tuple(name for name in self.missing if name in self.offered - given)

    @property
    def root_grant(self) -> str:
        """The command by which root lets systemd delegate all controllers to sessions; empty where that is so."""
        if not self.beyond_session:
            return ""
        command = as_root(MORE_V2, os.getuid(), sudo=bool(which("sudo")))
        return f"{command}   # log in again, and start the course by: {GRANT_V2}"

    def _of_session(self) -> frozenset[str]:
        uid = os.getuid()
        for mount in self.mounts:
            with suppress(OSError):
                folder = f"{mount}/user.slice/user-{uid}.slice/user@{uid}.service"
                return frozenset(read_file(folder, "cgroup.controllers").split())
        return SESSION

    def _granting(self) -> str:
        """What root does where no systemd runs for the user. `$$` is the shell in which the course is started then."""
        uid = os.getuid()
        if self.style == "none":
            return "mount -t cgroup2 none /sys/fs/cgroup"
        folders = " ".join(f"{mount}/{uid}" for mount in self.mounts)
        given = f"mkdir -p {folders} && chown -R {uid} {folders}"
        if self.style != "v2":
            return given
        names = " ".join(f"+{name}" for name in sorted(self.offered & set(LIMITED)))
        passed_on = f"echo {names} >{self.mounts[0]}/cgroup.subtree_control"
        return f"{passed_on} && {given} && echo $$ >{folders}/cgroup.procs"


def as_root(command: str, uid: int, *, sudo: bool) -> str:
    """A command that only root may give, as a user gives it where there is sudo, and where there is none."""
    if uid == 0:
        return command
    if not sudo:
        return f'su -c "{command}"'
    return f'sudo sh -c "{command}"' if "&&" in command else f"sudo {command}"


def has_user_manager() -> bool:
    """Whether systemd runs for this user, and makes scopes on demand."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return bool(which("systemd-run")) and os.path.exists(f"{folder}/systemd/private")


def delegation() -> Delegation:
    """What may be limited by this process. Takes about a millisecond."""
    return delegated(trees())


def delegated(found: Sequence[Tree]) -> Delegation:
    """What may be limited by a process that is in these trees."""
    places = [_place(tree, base) for tree in found if (base := _base(tree))]
    wanted = set(ACCOUNTED) - ({"freezer"} if any(place.tree.version == 2 for place in places) else set())
    plain = [place for place in places if place.tree.version == 2 or set(place.controllers) & wanted]
    cpuset = next((place for place in places if place.tree.version == 1 and _has_processors(place)), None)
    offered = {name for tree in found for name in tree.controllers} | ({"io"} if _has_blkio(found) else set())
    granted = {*ACCOUNTED, *LIMITED}
    version = 2 if style(found) == "v2" else 1
    mounts = tuple(tree.mount for tree in found if tree.version == version and granted & set(tree.controllers))
    return Delegation(style(found), tuple(plain), cpuset if cpuset not in plain else None, frozenset(offered), mounts)


def _has_blkio(found: Sequence[Tree]) -> bool:
    return any("blkio" in tree.controllers for tree in found)


def _has_processors(place: Place) -> bool:
    """True if this v1 cpuset has CPUs or lets us set them: a fresh one has none."""
    return "cpuset" in place.controllers and (os.access(f"{place.base}/cpuset.cpus", os.W_OK) or bool(place.cpus))


def _place(tree: Tree, base: str) -> Place:
    given = tree.controllers if tree.version == 1 else tuple(read_file(base, "cgroup.controllers").split())
    files = ("cpuset.cpus", "cpuset.mems") if tree.version == 1 else ("cpuset.cpus.effective", "cpuset.mems.effective")
    above = os.path.dirname(base) if tree.version == 1 and base != tree.mount else base  # of a v1 cpuset not yet set up
    found = (_read(base, file) or _read(above, file) if "cpuset" in given else "" for file in files)
    return Place(tree, base, given, *found)


def _read(folder: str, file: str) -> str:
    try:
        return read_file(folder, file)
    except FileNotFoundError:  # the root of all has no such file
        return ""


def _base(tree: Tree) -> str:
    """The highest group above our own that is ours, or (v1) a delegated one beside it. Empty: none."""
    base, folder = "", tree.folder
    while _ours(folder):
        base = folder
        if folder == tree.mount:
            break
        folder = os.path.dirname(folder)
    if base or tree.version == 2:  # to move a process one must own a group above both
        return base
    beside = [*_below(tree.folder), *_below(tree.mount)]
    return next((given for given in beside if _ours(given) and os.stat(given).st_uid == os.getuid()), "")


def _ours(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and os.access(f"{folder}/cgroup.procs", os.W_OK)


def _below(folder: str) -> list[str]:
    try:
        return sorted(e.path for e in os.scandir(folder) if e.is_dir() and not e.name.startswith(PREFIX))
    except OSError:
        return []
