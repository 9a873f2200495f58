"""Other people's runtimes behind one small interface, in a room of their own."""

from .bubblewrap import Bubblewrap
from .engine import Available, Engine, Instance
from .lxc import Lxc
from .nspawn import Nspawn
from .oci import Crun, Gvisor, Runc
from .ours import Ours
from .plain import Plain
from .podman import Podman
from .room import Room
from .unshare import Unshare

ALL: dict[str, type[Engine]] = {
    each.name: each for each in (Plain, Ours, Unshare, Bubblewrap, Lxc, Nspawn, Crun, Runc, Gvisor, Podman)
}

__all__ = ["ALL", "Available", "Engine", "Instance", "Room"]
