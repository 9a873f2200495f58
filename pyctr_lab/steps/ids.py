"""A range of ids of its own: inside 0 is not the lab's root. See user_namespaces(7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ..kernel.calls import Call, setgroups
from ..kernel.checks import check_list, check_number
from .namespaces import IdMaps
from .privileges import SetIds
from .step import Step


def check_cuts(cuts: Iterable[int]) -> tuple[int, ...]:
    """Ids at which a range of the map outside ends and the next begins. Raises BadInput."""
    return tuple(check_number(cut, "a cut", least=2) for cut in check_list(cuts, "cuts"))


def shared_ids(ids: int, cuts: Iterable[int] = ()) -> IdMaps:
    """The maps by which a container has all of the lab's ids, and its root is the lab's root."""
    if ids == 1:
        return IdMaps(count=1, setgroups="deny")
    more = tuple((first, first, behind - first) for first, behind in pairwise((1, *cuts, ids)))
    return IdMaps(count=1, more=more)


@dataclass(frozen=True)
class OwnIds(Step):
    """Map the container's root to the last id of the lab, the others to themselves, and become that root.

    Inside 0 is then an id outside that owns nothing: no file and no process of the lab's root. It is in none of the
    groups either that the lab's root is in. `count` is how many ids the lab has, 2 at least; `cuts` as in `default`.
    """

    count: int = 65536
    cuts: tuple[int, ...] = ()
    touches = ("user",)

    def __post_init__(self) -> None:
        check_number(self.count, "how many ids", least=2, most=1 << 32)
        check_cuts(self.cuts)

    @property
    def maps(self) -> IdMaps:
        """The maps alone."""
        return IdMaps(inside=0, outside=self.count - 1, count=1, more=tuple(self._others()))

    def _others(self) -> Iterator[tuple[int, int, int]]:
        ends = (1, *(cut for cut in self.cuts if cut < self.count - 1), self.count - 1)
        return ((first, first, behind - first) for first, behind in pairwise(ends) if behind > first)

    @property
    def shared(self) -> IdMaps:
        """The maps of a container whose root is the lab's root."""
        return shared_ids(self.count, self.cuts)

    @property
    def needs(self) -> frozenset[str]:
        return self.maps.needs

    @property
    def provides(self) -> frozenset[str]:
        return self.maps.provides

    def calls(self) -> list[Call]:
        return [*self.maps.calls(), setgroups([]), *SetIds(0, 0).calls()]

    def describe(self) -> str:
        return f"Map root inside to id {self.count - 1} of the lab, which owns nothing there, and become it."

    @property
    def title(self) -> str:
        return "ids of its own"


__all__ = ["OwnIds", "check_cuts", "shared_ids"]
