"""`lab.images`: what a lab does with images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ..kernel.checks import check_file_name
from ..runtime import Lab
from ..steps import Overlay, Recipe
from . import bases
from .build.builder import ImageBuild, Progress
from .build.containerfile import read_steps
from .build.context import Context
from .build.steps import BuildStep
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

    def build(
        self,
        what: str | os.PathLike[str] | Iterable[BuildStep],
        *,
        name: str,
        context: str | os.PathLike[str] | None = None,
        args: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Image:
        """Build an image: from a Containerfile, its text, a folder that has one, or a list of steps.

        COPY takes files of the `context`, by default the Containerfile's own folder. `args` are for its ARG lines, and
        `progress` is called with what happens as it happens. A step that was taken before in the same way is not taken
        again. Raises BuildFailed with the line that failed, and BadInput with the line that cannot be read.
        """
        steps, beside = read_steps(what)
        folder = beside if context is None else check_file_name(context, "a context")
        found = None if folder is None else Context(folder)
        return ImageBuild(self.lab, self.store, self.trees, found, args, progress).build(steps, name)

    def command(self, name: str, argv: Iterable[str] | None, words: ImageWords) -> tuple[str, ...]:
        """What a container of an image runs."""
        return command_of(self.store.image(name), argv, words.entrypoint)

    def recipe(self, name: str, base: Recipe, words: ImageWords) -> Recipe:
        """A recipe with the layers of an image where else the host's programs are."""
        image = self.store.image(name)
        overlay = Overlay(self.trees.stack(image))
        user = check_ids(user_of(image, words.user, lambda path: self.trees.read(image, path)), self.lab.ids)
        return recipe_of(base, image, overlay, user, words)
