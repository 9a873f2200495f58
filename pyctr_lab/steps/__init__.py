"""What can be done to a process on its way: one small frozen dataclass a step, and recipes."""

from ..cgroups.limits import Limits
from .capabilities import BoundingSet, KeepCapabilities, RaiseAmbient, SecureBits, SetCapabilities
from .control_group import ControlGroup, LimitedGroup
from .filters import Seccomp
from .ids import OwnIds
from .landlock import Landlock
from .masks import MaskPaths, ReadOnlyPaths
from .mounts import ROOT, Bind, PrivatePropagation, Proc, Sysfs, Tmpfs
from .namespaces import NAMES, ClockOffset, IdMaps, JoinNamespace, LoopbackUp, NewNamespace, SetHostname
from .network import INDEX, Address, LinkUp, NetworkEnd, Resolver, Route, Veth
from .order import ORDER, Refusal, Rule, refusals
from .overlay import Overlay, UpperFolder
from .powers import PowerWords, with_powers
from .privileges import (
    ENVIRONMENT,
    DropCapabilities,
    Environment,
    Exec,
    NoNewPrivileges,
    ResourceLimit,
    SetIds,
    WorkingDirectory,
)
from .recipe import Birth, Recipe, born_with
from .recipes import RECIPES, bare, default, docker_like, lmctfy_like, pod, rootless_like
from .roots import Chroot, HostTree, MinimalDev, PivotRoot, ReadOnlyRoot
from .step import AtBirth, Resource, Step
from .volume import Volume

__all__ = [
    "ENVIRONMENT", "INDEX", "NAMES", "ORDER", "RECIPES", "ROOT", "Address", "AtBirth", "Bind", "Birth", "BoundingSet",
    "Chroot", "ClockOffset", "ControlGroup", "DropCapabilities", "Environment", "Exec", "HostTree", "IdMaps",
    "JoinNamespace", "KeepCapabilities", "Landlock", "LimitedGroup", "Limits", "LinkUp", "LoopbackUp", "MaskPaths",
    "MinimalDev", "NetworkEnd", "NewNamespace", "NoNewPrivileges", "Overlay", "OwnIds", "PivotRoot", "PowerWords",
    "PrivatePropagation", "Proc", "RaiseAmbient", "ReadOnlyPaths", "ReadOnlyRoot", "Recipe", "Refusal", "Resolver",
    "Resource", "ResourceLimit", "Route", "Rule", "Seccomp", "SecureBits", "SetCapabilities", "SetHostname", "SetIds",
    "Step", "Sysfs", "Tmpfs", "UpperFolder", "Veth", "Volume", "WorkingDirectory", "bare", "born_with", "default",
    "docker_like", "lmctfy_like", "pod", "refusals", "rootless_like", "with_powers",
]  # fmt: skip
