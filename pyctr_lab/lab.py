"""The lab as the course uses it: the runtime's, with images and networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from . import runtime
from .errors import BadInput
from .images import Images, ImageWords
from .kernel.checks import check_list
from .networks import Network, Networks, Published
from .runtime import Container, Program, Run
from .runtime.streams import Input
from .steps import Limits, PowerWords, Recipe, with_powers
from .steps.powers import Policy


@dataclass(frozen=True)
class NetworkWords:
    """What a caller says of a container's network."""

    network: Network | str | None = None
    address: str | None = None
    aliases: tuple[str, ...] = ()
    publish: Published | None = None

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self != NetworkWords()


Wanted: TypeAlias = Mapping[str, str]  # of a volume's name or a folder to a place in the container


class Lab(runtime.Lab):
    """A lab whose containers can have an image's files, and a network: `lab.run(["sh"], image="busybox", network=web)`.

    All else is as in runtime.Lab.
    """

    @cached_property
    def images(self) -> Images:
        """The images of this user."""
        return Images(self)

    @cached_property
    def networks(self) -> Networks:
        """The networks of this lab."""
        return Networks(self)

    def network(
        self, name: str = "web", *, subnet: str | None = None, ipv6: bool = False, mtu: int = 1500,
        isolated: bool = False, bare: bool = False, internet: bool = False,
    ) -> Network:  # fmt: skip
        """A network for containers: a bridge with an address of its own, and a name server.

        One that has this name already is removed first. `subnet` is as "10.88.0.0/24"; with `isolated`, its containers
        do not reach each other; a `bare` one has no address and no name server. With `internet=True` programs that
        know proxies reach the world by one of the notebook's; `network.opened` says what.
        """
        return self.networks.make(
            name, subnet=subnet, ipv6=ipv6, mtu=mtu, isolated=isolated, bare=bare, internet=internet
        )

    def close(self) -> None:
        """As runtime.Lab does it; then `prune` may remove the layers that it used."""
        super().close()
        if "networks" in self.__dict__:
            self.networks.end_programs()
        if "images" in self.__dict__:
            self.images.trees.release()

    def recipe(
        self,
        hostname: str = "demo",
        *,
        kind: str = "default",
        image: str | None = None,
        words: ImageWords = ImageWords(),  # noqa: B008
        volumes: Wanted | None = None,
        network: Network | str | None = None,
        address: str | None = None,
        aliases: Iterable[str] = (),
        publish: Published | None = None,
        cap_add: Iterable[str] = (),
        cap_drop: Iterable[str] = (),
        seccomp: Policy | None = None,
    ) -> Recipe:
        """The default recipe, or one of another `kind` (see steps.RECIPES).

        With an `image`, its layers stand where else the host's programs do.

        `volumes={"data": "/data"}` shows a volume, which is made if need be and outlives its containers, or with a
        slash in its name a folder of this machine, at a place of the container: "/data:ro" for reading only. With a
        `network` it has an interface there, and is found by its host name and its `aliases`; `publish={8080: 80}` has
        port 8080 of this machine's 127.0.0.1 lead to its port 80. Such a recipe is for one container at a time.

        `cap_add=["NET_ADMIN"]` and `cap_drop=["ALL"]` name capabilities as Docker does. `seccomp` is a policy, a file
        of one in JSON, "builtin" for Docker's default, or "unconfined" for no filter.
        """
        base = with_powers(super().recipe(hostname, kind=kind), PowerWords(cap_add, cap_drop, seccomp))
        made = base if image is None else self.images.recipe(image, base, words)
        made = self.images.volumes.recipe(made, volumes) if volumes else made
        return self._networked(made, NetworkWords(network, address, tuple(check_list(aliases, "aliases")), publish))

    def _networked(self, recipe: Recipe, words: NetworkWords) -> Recipe:
        if words.network is None:
            if words.address is not None or words.aliases or words.publish:
                raise BadInput("a container without a network has no address", hint='network=lab.network("web")')
            return recipe
        return self.networks.recipe(
            recipe, words.network, address=words.address, aliases=words.aliases, publish=words.publish
        )

    def container(
        self,
        name: str = "demo",
        *,
        image: str | None = None,
        volumes: Wanted | None = None,
        network: Network | str | None = None,
        address: str | None = None,
        aliases: Iterable[str] = (),
        publish: Published | None = None,
        cap_add: Iterable[str] = (),
        cap_drop: Iterable[str] = (),
        seccomp: Policy | None = None,
    ) -> Container:
        """A live process with no walls yet. With words as of `recipe`, `box.recipe` are the steps to take.

        Programs find the image's environment.
        """
        words = {"network": network, "address": address, "aliases": aliases, "publish": publish}
        powers = PowerWords(cap_add, cap_drop, seccomp)
        wanted = image is not None or volumes or any(words.values()) or address is not None or powers.given
        recipe = self.recipe(
            name, image=image, volumes=volumes, **words,  # type: ignore[arg-type]
            cap_add=powers.cap_add, cap_drop=powers.cap_drop, seccomp=seccomp,
        ) if wanted else None  # fmt: skip
        box = super().container(name)
        if recipe is not None:
            box.recipe, box.environment = recipe, recipe.environment
        return box

    def run(
        self,
        argv: Iterable[str] | None = None,
        *,
        recipe: Recipe | str | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        image: str | None = None,
        user: str | None = None,
        workdir: str | None = None,
        entrypoint: Iterable[str] | None = None,
        volumes: Wanted | None = None,
        network: Network | str | None = None,
        address: str | None = None,
        aliases: Iterable[str] = (),
        publish: Published | None = None,
        cap_add: Iterable[str] = (),
        cap_drop: Iterable[str] = (),
        seccomp: Policy | None = None,
    ) -> Run:
        """Run a program in a container of its own, and wait for its end.

        With an `image`, in its files: without `argv` its own program; `env` adds to its environment, and `user`,
        `workdir` and `entrypoint` take the place of what it says. With `limits`, in a control group of its own; the
        other words are as in `recipe`.
        """
        words = ImageWords(user, workdir, entrypoint, env)
        at = NetworkWords(network, address, tuple(check_list(aliases, "aliases")), publish)
        powers = PowerWords(cap_add, cap_drop, seccomp)
        argv, recipe, env = self._chosen(argv, recipe, env, image, words, volumes, at, powers)
        return super().run(argv, recipe=recipe, limits=limits, stdin=stdin, timeout=timeout, env=env)

    def start(
        self,
        argv: Iterable[str] | None = None,
        *,
        recipe: Recipe | str | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        env: Mapping[str, str] | None = None,
        image: str | None = None,
        user: str | None = None,
        workdir: str | None = None,
        entrypoint: Iterable[str] | None = None,
        volumes: Wanted | None = None,
        network: Network | str | None = None,
        address: str | None = None,
        aliases: Iterable[str] = (),
        publish: Published | None = None,
        cap_add: Iterable[str] = (),
        cap_drop: Iterable[str] = (),
        seccomp: Policy | None = None,
    ) -> Program:
        """As `run`, but does not wait. Its control group, if it has limits, is `Program.cgroup` until `wait`."""
        words = ImageWords(user, workdir, entrypoint, env)
        at = NetworkWords(network, address, tuple(check_list(aliases, "aliases")), publish)
        powers = PowerWords(cap_add, cap_drop, seccomp)
        argv, recipe, env = self._chosen(argv, recipe, env, image, words, volumes, at, powers)
        return super().start(argv, recipe=recipe, limits=limits, stdin=stdin, env=env)

    def _chosen(
        self,
        argv: Iterable[str] | None,
        recipe: Recipe | str | None,
        env: Mapping[str, str] | None,
        image: str | None,
        words: ImageWords,
        volumes: Wanted | None,
        at: NetworkWords,
        powers: PowerWords,
    ) -> tuple[Iterable[str], Recipe | None, Mapping[str, str] | None]:
        """Command, recipe and environment of a start; those of an image have its environment already."""
        wanted = recipe is not None or image is not None or volumes or at.given or powers.given
        recipe = with_powers(self._chosen_recipe(recipe), powers) if wanted else None
        if recipe is not None and image is not None:
            argv, recipe, env = self.images.command(image, argv, words), self.images.recipe(image, recipe, words), None
        elif words.of_image:
            raise BadInput(f"{words.of_image} changes what an image says, and none was named", hint='image="busybox"')
        if argv is None:
            raise BadInput("no program to run: the command is empty", hint='a list of words: ["hostname"]')
        if recipe is not None and volumes:
            recipe = self.images.volumes.recipe(recipe, volumes)
        if recipe is not None:
            recipe = self._networked(recipe, at)
        return argv, recipe, env
