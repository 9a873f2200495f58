"""The lab as the course uses it: the runtime's, with images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeAlias

from . import runtime
from .errors import BadInput
from .images import Images, ImageWords
from .runtime import Container, Program, Run
from .runtime.streams import Input
from .steps import Limits, Recipe

Wanted: TypeAlias = Mapping[str, str]  # of a volume's name or a folder to a place in the container


class Lab(runtime.Lab):
    """A lab whose containers can have the files of an image: `lab.run(["sh"], image="busybox")`.

    All else is as in runtime.Lab.
    """

    @cached_property
    def images(self) -> Images:
        """The images of this user."""
        return Images(self)

    def close(self) -> None:
        """As runtime.Lab does it; then `prune` may remove the layers that it used."""
        super().close()
        if "images" in self.__dict__:
            self.images.trees.release()

    def recipe(
        self,
        hostname: str = "demo",
        *,
        image: str | None = None,
        words: ImageWords = ImageWords(),  # noqa: B008
        volumes: Wanted | None = None,
    ) -> Recipe:
        """The default recipe; with an `image`, its layers stand where else the host's programs do.

        `volumes={"data": "/data"}` shows a volume, which is made if need be and outlives its containers, or with a
        slash in its name a folder of this machine, at a place of the container: "/data:ro" for reading only.
        """
        base = super().recipe(hostname)
        made = base if image is None else self.images.recipe(image, base, words)
        return self.images.volumes.recipe(made, volumes) if volumes else made

    def container(self, name: str = "demo", *, image: str | None = None, volumes: Wanted | None = None) -> Container:
        """A live process with no walls yet. With an `image` or `volumes`, `box.recipe` are the steps to be taken.

        Programs find the image's environment.
        """
        recipe = self.recipe(name, image=image, volumes=volumes) if image is not None or volumes else None
        box = super().container(name)
        if recipe is not None:
            box.recipe, box.environment = recipe, recipe.environment
        return box

    def run(
        self,
        argv: Iterable[str] | None = None,
        *,
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        image: str | None = None,
        user: str | None = None,
        workdir: str | None = None,
        entrypoint: Iterable[str] | None = None,
        volumes: Wanted | None = None,
    ) -> Run:
        """Run a program in a container of its own, and wait for its end.

        With an `image`, in its files: without `argv` its own program; `env` adds to its environment, and `user`,
        `workdir` and `entrypoint` take the place of what it says. With `limits`, in a control group of its own; with
        `volumes`, as in `recipe`.
        """
        argv, recipe, env = self._chosen(argv, recipe, env, image, ImageWords(user, workdir, entrypoint, env), volumes)
        return super().run(argv, recipe=recipe, limits=limits, stdin=stdin, timeout=timeout, env=env)

    def start(
        self,
        argv: Iterable[str] | None = None,
        *,
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        env: Mapping[str, str] | None = None,
        image: str | None = None,
        user: str | None = None,
        workdir: str | None = None,
        entrypoint: Iterable[str] | None = None,
        volumes: Wanted | None = None,
    ) -> Program:
        """As `run`, but does not wait. Its control group, if it has limits, is `Program.cgroup` until `wait`."""
        argv, recipe, env = self._chosen(argv, recipe, env, image, ImageWords(user, workdir, entrypoint, env), volumes)
        return super().start(argv, recipe=recipe, limits=limits, stdin=stdin, env=env)

    def _chosen(
        self,
        argv: Iterable[str] | None,
        recipe: Recipe | None,
        env: Mapping[str, str] | None,
        image: str | None,
        words: ImageWords,
        volumes: Wanted | None,
    ) -> tuple[Iterable[str], Recipe | None, Mapping[str, str] | None]:
        """Command, recipe and environment of a start; those of an image have its environment already."""
        recipe = super().recipe() if recipe is None and (image is not None or volumes) else recipe
        if recipe is not None and image is not None:
            argv, recipe, env = self.images.command(image, argv, words), self.images.recipe(image, recipe, words), None
        elif words.of_image:
            raise BadInput(f"{words.of_image} changes what an image says, and none was named", hint='image="busybox"')
        if argv is None:
            raise BadInput("no program to run: the command is empty", hint='a list of words: ["hostname"]')
        if recipe is not None and volumes:
            recipe = self.images.volumes.recipe(recipe, volumes)
        return argv, recipe, env
