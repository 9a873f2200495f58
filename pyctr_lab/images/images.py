"""`lab.images`: what a lab does with images."""

from __future__ import annotations

from collections.abc import Iterable

from ..runtime import Lab
from ..steps import Overlay, Recipe
from . import bases
from .process import ImageWords, command_of, recipe_of, user_of
from .store import Image, Store
from .trees import Trees
from .users import check_ids


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

    def command(self, name: str, argv: Iterable[str] | None, words: ImageWords) -> tuple[str, ...]:
        """What a container of an image runs."""
        return command_of(self.store.image(name), argv, words.entrypoint)

    def recipe(self, name: str, base: Recipe, words: ImageWords) -> Recipe:
        """A recipe with the layers of an image where else the host's programs are."""
        image = self.store.image(name)
        overlay = Overlay(self.trees.stack(image))
        user = check_ids(user_of(image, words.user, lambda path: self.trees.read(image, path)), self.lab.ids)
        return recipe_of(base, image, overlay, user, words)
