"""Other people's runtimes behind one small interface, in a sandbox."""

from .baseline import Baseline
from .bubblewrap import Bubblewrap
from .docker import Docker
from .docker_differences import DOCKER_DIFFERENCES, WallDifference, wall_differences
from .engine import Available, Engine, Instance
from .lxc import Lxc
from .nspawn import Nspawn
from .oci import Crun, Gvisor, Runc
from .ours import Ours, OursForked, OursLimited
from .plain import Plain
from .podman import Podman
from .qemu import Qemu
from .sandbox import Sandbox
from .unshare import Unshare

KINDS = (
    *(Plain, Baseline, Ours, OursForked, OursLimited, Unshare, Bubblewrap, Lxc, Nspawn),
    *(Crun, Runc, Gvisor, Podman, Docker, Qemu),
)
ALL: dict[str, type[Engine]] = {each.name: each for each in KINDS}

__all__ = [
    "ALL", "DOCKER_DIFFERENCES", "Available", "Engine", "Instance", "Sandbox", "WallDifference", "wall_differences",
]  # fmt: skip
