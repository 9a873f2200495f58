"""`lab.images`: what a lab does with images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from ..kernel.checks import check_environment, check_file_name, check_function, short_repr
from ..runtime import Lab
from ..steps import Overlay, Recipe
from .building.builder import ImageBuild, Progress
from .building.containerfile import read_steps
from .building.context import Context
from .building.steps import BuildStep
from .copying import Report
from .export import export_image
from .process import ImageWords, command_of, recipe_of, user_of
from .references import Reference
from .sharing import ImageLayers, layers_by_image
from .sources import import_image
from .store import Image, ImageStore
from .trees import Trees
from .upkeep import (
    DiskUsage,
    FileChange,
    HistoryLine,
    Pruned,
    changed_files,
    disk_usages,
    image_facts,
    image_history,
    prune_store,
    verify_store,
)
from .users import check_ids
from .volumes import Volumes

if TYPE_CHECKING:
    from .registry import Conversation, Registry
    from .registry.transfers import BlobProgress


MOST_RECIPES = 64


def remote(name: str) -> Reference:
    """A name with a registry in it. Raises BadInput."""
    found = Reference.read(name)
    if not found.registry:
        raise BadInput(f"{short_repr(name)} names no registry", hint="127.0.0.1:5000/web:1; `tag` gives such a name")
    return found


class Images:
    """The images of this user, and their layers unpacked for this lab."""

    def __init__(self, lab: Lab, store: ImageStore | None = None) -> None:
        self.lab = lab
        self.store = store or ImageStore()
        self.trees = Trees(lab, self.store)
        self.volumes = Volumes(self.trees)
        self._recipes: dict[tuple[object, ...], Recipe] = {}  # those of earlier starts: most ask for the same again
        #: What the last `push` or `pull` and the registry said to each other: `draw.registry` shows it.
        self.conversation: Conversation | None = None

    def import_(self, source: str, name: str, *, report: Report | None = None) -> Image:
        """Make an image of what lies elsewhere: a folder, a tar, `oci:FOLDER:TAG`, `busybox`; see images/sources.py."""
        return import_image(self.store, source, name, check_function(report, "a report"))

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
        given = check_environment({} if args is None else args, "args")
        said = check_function(progress, "progress")
        return ImageBuild(self.lab, self.store, self.trees, found, given, said).build(steps, name)

    def export(self, name: str, target: str, *, report: Report | None = None) -> None:
        """Write an image as a folder, `FILE.tar`, `oci:FOLDER:TAG` or `docker-archive:FILE`; see images/export.py."""
        report = check_function(report, "a report")
        export_image(self.store, self.trees, self.store.image(name), target, report)

    # --- registries
    def push(self, name: str, *, progress: Callable[[str, int, int], object] | None = None) -> str:
        """Send an image to the registry that its name has; the digest it has there. Asks for what is missing only."""
        where = remote(name)
        found = self.store.image(name).descriptor
        return self._registry(where, progress).push(self.store.layout, found, where.repository, where.tag).digest

    def pull(self, name: str, *, progress: Callable[[str, int, int], object] | None = None) -> Image:
        """Fetch an image for this machine's platform, and keep it by this name."""
        where = remote(name)
        with self.store.adding():
            found = self._registry(where, progress).pull(self.store.layout, where.repository, where.version)
            return self.store.tag(name, found)

    def _registry(self, where: Reference, progress: Callable[[str, int, int], object] | None) -> Registry:
        from .registry import Registry

        check_function(progress, "progress")

        def report(blob: BlobProgress) -> None:
            if progress is not None:
                progress(blob.blob[:19], blob.done, blob.total)

        registry = Registry(where.registry, progress=report)
        self.conversation = registry.conversation
        return registry

    # --- names
    def ls(self) -> list[Image]:
        """All images, by name."""
        return list(self.store.images())

    def tag(self, name: str, other: str) -> Image:
        """Give an image one more name."""
        return self.store.tag(other, self.store.image(name).descriptor)

    # --- upkeep
    def rm(self, name: str) -> None:
        """Take a name away; `prune` removes what no name holds any more."""
        self.store.untag(name)

    def prune(self) -> Pruned:
        """Remove what no name holds, but for what a lab uses."""
        return prune_store(self.store, self.trees)

    def du(self) -> list[DiskUsage]:
        """What each name takes of the disk."""
        return disk_usages(self.store, self.trees)

    def layers(self, *names: str) -> list[ImageLayers]:
        """The layers of some images or of all, and which images hold each: `draw.layers` shows them."""
        unpacked = {chain_id: tree.size for chain_id, tree in self.trees.records_by_chain().items()}
        return layers_by_image(self.store, unpacked, names)

    def verify(self, *, repair: bool = False) -> list[str]:
        """What is wrong in the store, a line each; with `repair`, damaged blobs are removed."""
        return verify_store(self.store, self.trees, repair=repair)

    def history(self, name: str) -> list[HistoryLine]:
        """How an image came about, the oldest first."""
        return image_history(self.store.image(name))

    def inspect(self, name: str) -> dict[str, Any]:
        """What an image is, in Docker's words."""
        return image_facts(self.store.image(name))

    def diff(self, first: str, second: str) -> list[FileChange]:
        """The files in which a second image differs from the first."""
        return changed_files(self.store, self.store.image(first), self.store.image(second))

    # --- for a container
    def command(self, name: str, argv: Iterable[str] | None, words: ImageWords) -> tuple[str, ...]:
        """What a container of an image runs."""
        return command_of(self.store.image(name), argv, words.entrypoint)

    def recipe(self, name: str, base: Recipe, words: ImageWords) -> Recipe:
        """A recipe with the layers of an image where else the host's programs are."""
        image = self.store.image(name)
        stack = self.trees.stack(image)
        key = (image.digest, stack, base, repr(words))
        if key not in self._recipes:
            user = check_ids(user_of(image, words.user, lambda path: self.trees.read(image, path)), self.lab.ids)
            if len(self._recipes) == MOST_RECIPES:
                self._recipes.clear()
            self._recipes[key] = recipe_of(base, image, Overlay(stack), user, words)
        return self._recipes[key]
