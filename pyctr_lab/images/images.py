"""`lab.images`: what a lab does with images."""

from __future__ import annotations

from ..runtime import Lab
from ..steps import DropCapabilities, HostTree, Overlay, Recipe, ReadOnlyRoot, Step
from . import bases
from .store import Image, Store
from .trees import Trees


class Images:
    """The images of this user, and their layers unpacked for this lab."""

    def __init__(self, lab: Lab, store: Store | None = None) -> None:
        self.lab = lab
        self.store = store or Store()
        self.trees = Trees(lab, self.store)

    def import_(self, source: str, name: str) -> Image:
        """Make an image of what lies elsewhere."""
        assert source == "busybox"
        return self.store.tag(name, bases.busybox(self.store.layout))

    def recipe(self, name: str, hostname: str = "demo") -> Recipe:
        """The default recipe, with the layers of an image where else the host's programs are."""
        overlay = Overlay(self.trees.stack(self.store.image(name)))
        return Recipe(step for part in self.lab.recipe(hostname) for step in changed(part, overlay))


def changed(step: Step, overlay: Overlay) -> list[Step]:
    """What stands in the place of a step of the default recipe."""
    match step:
        case HostTree():
            return [overlay]
        case ReadOnlyRoot():
            return []
    return [step]
