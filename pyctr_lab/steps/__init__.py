"""What can be done to a process on its way: one small frozen dataclass a step, and recipes."""

from ..cgroups.limits import Limits
from .capabilities import BoundingSet, KeepCapabilities, RaiseAmbient, SecureBits, SetCapabilities
from .control_group import ControlGroup, LimitedGroup
from .filters import Seccomp
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
from .recipe import Birth, Recipe, born_with, default
from .roots import Chroot, HostTree, MinimalDev, PivotRoot, ReadOnlyRoot
from .step import AtBirth, Resource, Step
from .volume import Volume

__all__ = [
    "ENVIRONMENT", "INDEX", "NAMES", "ORDER", "ROOT", "Address", "AtBirth", "Bind", "Birth", "BoundingSet", "Chroot",
    "ClockOffset", "ControlGroup", "DropCapabilities", "Environment", "Exec", "HostTree", "IdMaps", "JoinNamespace",
    "KeepCapabilities", "Landlock", "LimitedGroup", "Limits", "LinkUp", "LoopbackUp", "MaskPaths", "MinimalDev",
    "NetworkEnd", "NewNamespace", "NoNewPrivileges", "Overlay", "PivotRoot", "PowerWords", "PrivatePropagation", "Proc",
    "RaiseAmbient", "ReadOnlyPaths", "ReadOnlyRoot", "Recipe", "Refusal", "Resolver", "Resource", "ResourceLimit",
    "Route", "Rule", "Seccomp", "SecureBits", "SetCapabilities", "SetHostname", "SetIds", "Step", "Sysfs", "Tmpfs",
    "UpperFolder", "Veth", "Volume", "WorkingDirectory", "born_with", "default", "refusals", "with_powers",
]  # fmt: skip
