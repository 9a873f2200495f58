"""What a container of an image runs: the image's own words, overridden as Docker's are. See config.md of OCI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from errno import EEXIST
from posixpath import normpath

from ..errors import BadInput
from ..kernel.calls import Call, chdir, mkdirat
from ..kernel.checks import check_environment, check_text, short_repr
from ..runtime.program import check_command
from ..steps import (
    ENVIRONMENT,
    DropCapabilities,
    Environment,
    HostTree,
    Overlay,
    PivotRoot,
    ReadOnlyRoot,
    Recipe,
    Step,
    WorkingDirectory,
)
from ..steps.privileges import with_ids
from .store import Image
from .users import User, find_user


@dataclass(frozen=True)
class ImageWords:
    """What a caller says of a start, beside its program; None leaves it to the image."""

    user: str | None = None
    workdir: str | None = None
    entrypoint: Iterable[str] | None = None
    env: Mapping[str, str] | None = None
    read_only: bool = False

    @property
    def of_image(self) -> str:
        """The words that change what an image says, for a message; empty if there are none."""
        given = {"user": self.user, "workdir": self.workdir, "entrypoint": self.entrypoint}
        return ", ".join(name for name, value in given.items() if value is not None)


def command_of(image: Image, argv: Iterable[str] | None, entrypoint: Iterable[str] | None) -> tuple[str, ...]:
    """Entrypoint and words: the image's words give way to the caller's, both to the caller's entrypoint."""
    settings = image.config.settings
    own = settings.get("Cmd") or () if argv is None and entrypoint is None else ()
    before = settings.get("Entrypoint") or () if entrypoint is None else entrypoint
    words = [*before, *(own if argv is None else argv)]
    if not words:
        raise BadInput(f"{image.name} names no program, and none was given", hint='a list of words: ["sh"]')
    return check_command(words)


def user_of(image: Image, text: str | None, read: Callable[[str], str]) -> User:
    """The user of a start; `read` gives a file of the image's, empty where it has none."""
    wanted = image.config.settings.get("User") or "" if text is None else text
    return find_user(wanted, read("etc/passwd"), read("etc/group"))


def environment_of(image: Image, user: User, env: Mapping[str, str] | None) -> dict[str, str]:
    """The default, the image's, the caller's: the later wins."""
    home = {"HOME": user.home or "/"}
    return {**ENVIRONMENT, **home, **image.config.environment, **check_environment({} if env is None else env)}


@dataclass(frozen=True)
class MakeWorkingDirectory(WorkingDirectory):
    """Go to a folder; it is made if need be, with those on the way to it."""

    def calls(self) -> list[Call]:
        parts = normpath(self.path).strip("/").split("/")
        folders = ["/" + "/".join(parts[: place + 1]) for place in range(len(parts)) if parts[0]]
        return [*(mkdirat(folder).accepting(EEXIST) for folder in folders), chdir(self.path)]

    def shell(self) -> str:
        return f"mkdir -p {super().shell().removeprefix('cd ')} && {super().shell()}"


def working_folder(image: Image, workdir: str | None) -> str:
    """The working directory of a start. Raises BadInput for one that is not absolute."""
    folder = image.config.settings.get("WorkingDir") or "/" if workdir is None else check_text(workdir, "a folder")
    if not folder.startswith("/"):
        raise BadInput(f"{short_repr(folder)} is no folder of the container", hint="it begins with /")
    return normpath("/" + folder.lstrip("/"))


def recipe_of(base: Recipe, image: Image, overlay: Overlay, user: User, words: ImageWords) -> Recipe:
    """A recipe, with an image's layers, folder, user and environment in it."""
    folder = working_folder(image, words.workdir)
    go = [MakeWorkingDirectory(folder)] if folder != "/" else []

    def changed(step: Step) -> list[Step]:
        match step:
            case HostTree():
                return [overlay]
            case ReadOnlyRoot(target=target) if target == overlay.target:
                return [step] if words.read_only else []
            case PivotRoot():
                return [step, *go]
            case DropCapabilities(keep=keep):
                return with_ids(keep, user.uid, user.gid)
        return [step]

    environment = Environment(environment_of(image, user, words.env))
    steps = [made for step in base.with_shared_ids() for made in changed(step)]
    return Recipe((*steps, environment), shared=base.shared)
