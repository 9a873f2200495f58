"""Build an image, step by step: look into the cache, or make a layer. What is not whole is never to be seen."""

from __future__ import annotations

import codecs
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from posixpath import join, normpath
from typing import IO, Any

from ...errors import BadInput, LabError, in_one_line
from ...interrupts import uninterrupted, waiting
from ...kernel.checks import short_repr
from ...runtime import Lab
from ...runtime.job import run_as_root
from ...runtime.streams import Streams
from ...steps import Overlay, Recipe, UpperFolder
from ..archive import Member
from ..descriptors import LAYER, Descriptor
from ..process import ImageWords, recipe_of, user_of
from ..store import Image, ImageStore, full_name
from ..trees import Trees
from ..uppers import UPPERS
from ..users import check_ids, find_user
from .cache import BuildCache, key_of
from .context import CHUNK, Context, Source, content_key
from .copied import Copy, Spot, archive_of, asked_of, is_archive
from .expansion import expand
from .stage import BuildStage, said_with
from .steps import BaseImage, BuildArgument, BuildStep, CopyFiles, ImageSetting, RunCommand

JOBS = "pyctr_lab.images.building.jobs"
EPOCH = "SOURCE_DATE_EPOCH"  # seconds since 1970: the time of all that a build makes, and no file's is later
OWN = ("etc/hosts", "etc/hostname", "etc/resolv.conf")  # a container's own, which a layer must not have
Progress = Callable[[str], object]


class BuildFailed(LabError):
    """A line of a build has failed: a program with `status`, whose last output is `output`, or a system call."""

    def __init__(self, message: str, *, status: int | None = None, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.output = output


class ImageBuild:
    """One build. `progress` is called with each line, and with the output of programs as it comes."""

    def __init__(
        self,
        lab: Lab,
        store: ImageStore,
        trees: Trees,
        context: Context | None = None,
        arguments: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.lab = lab
        self.store = store
        self.trees = trees
        self.context = context
        self.given = dict(arguments or {})
        self.say = progress or (lambda text: None)
        self.epoch = epoch_of(self.given)
        self.cache = BuildCache(store.layout)
        self.cached = 0  # layers that were there

    def build(self, steps: Sequence[BuildStep], name: str) -> Image:
        """Take all steps, and give the image its name at the end. Raises BuildFailed, and BadInput with the place."""
        full_name(name)
        refuse_order(steps)
        unknown = set(self.given) - {step.name for step in steps if isinstance(step, BuildArgument)} - {EPOCH}
        if unknown:
            raise BadInput(f"no ARG names {', '.join(sorted(unknown))}", hint="an argument of a build has an ARG line")
        with self.store.adding(keep=True):
            return self.store.tag(name, self._stage(steps).write(self.store.layout))

    def _stage(self, steps: Sequence[BuildStep]) -> BuildStage:
        """What all steps make."""
        outer: dict[str, str] = {}  # arguments before FROM
        stage: BuildStage | None = None
        for number, step in enumerate(steps, 1):
            self.say(f"{number}/{len(steps)} {step}\n")
            try:
                if isinstance(step, BuildArgument):
                    self._argument(step, outer, stage)
                elif isinstance(step, BaseImage):
                    stage = BuildStage(self._base(step.expanded(outer)), self.epoch)
                elif stage is not None:
                    self._take(stage, step.expanded(stage.variables))
            except (LabError, OSError) as why:
                raise failure_at(step.place or f"step {number}", why) from None
        assert stage is not None
        return stage

    # --- steps
    def _base(self, step: BaseImage) -> Image | None:
        if step.image == "scratch":
            return None
        digest = step.image.rpartition("@")[2]
        if not digest.startswith("sha256:"):
            return self.store.image(step.image)
        found = next((each for each in self.store.layout.manifests if each.digest == digest), None)
        if found is None:
            raise BadInput(f"there is no image {short_repr(step.image)}")
        return self.store.read(step.image, found)

    def _argument(self, step: BuildArgument, outer: dict[str, str], stage: BuildStage | None) -> None:
        """What was given is stronger than the default, and that than an argument before FROM."""
        value = self.given.get(step.name)
        if value is None and step.default is not None:
            value = expand(step.default, outer if stage is None else stage.variables, step.escape)
        value = outer.get(step.name) if value is None else value
        if value is not None:
            (outer if stage is None else stage.arguments)[step.name] = value

    def _take(self, stage: BuildStage, step: BuildStep) -> None:
        """A step that changes the image. The key of what comes later depends on it."""
        match step:
            case ImageSetting():
                stage.apply(step)
                stage.key = key_of(stage.key, repr(step))
                stage.note(str(step))
            case RunCommand():
                words = stage.words(step.command)
                seen = stage.build_arguments
                stage.key = key_of(stage.key, repr(step), words, sorted(seen.items()))
                stage.note(said_with(seen, words), self._layer(stage, lambda: self._run(stage, words)))
            case CopyFiles():
                if self.context is None:
                    raise BadInput("there is no context to copy from", hint='build(..., context="folder")')
                found = self.context.find(step.sources)
                stage.key = key_of(stage.key, repr(step), content_key(found))
                stage.note(str(step), self._layer(stage, lambda: self._copy(stage, step, found)))

    def _layer(self, stage: BuildStage, make: Callable[[], Descriptor]) -> Descriptor:
        layer = self.cache.find(stage.key)
        if layer is not None:
            self.cached += 1
            self.say("cached\n")
            return layer
        layer = make()
        self.cache.keep(stage.key, layer)
        return layer

    # --- COPY
    def _copy(self, stage: BuildStage, step: CopyFiles, found: Sequence[Sequence[Source]]) -> Descriptor:
        target = normpath(join("/", stage.folder, step.target))
        into = step.target.endswith(("/", "/.")) or step.target in (".", "")
        if len(found) > 1 and not into:
            raise BadInput(f"{len(found)} sources, and the target is no folder", hint=f"write {step.target}/")
        archives = [top[0] for top in found if step.unpack and is_archive(top[0])]
        files = [top for top in found if top[0] not in archives]
        copy = Copy(self._spots(stage, asked_of(found, target)), self._owner(stage, step.owner), self.epoch)
        copy.add(files, target, into=into)
        if archives:
            copy.folder(copy.spot(target))
        for archive in archives:
            self.say(f"unpacking {archive.name} into {target}\n")
        inside = chain.from_iterable(copy.unpacked(archive.path, target) for archive in archives)
        return self._write(chain(copy.sorted(), inside))

    def _spots(self, stage: BuildStage, asked: list[str]) -> dict[str, Spot]:
        """Where paths are in the image so far. An image without layers has none."""
        if not stage.layers:
            return {}
        image = stage.image()
        init, *layers = self.trees.stack(image)
        words: dict[str, Any] = {"layers": [*layers, init], "asked": asked, "owners": self.trees.owners(image)}
        rows = run_as_root(self.lab.world, f"{JOBS}:spots", folder=self.trees.folder, **words)
        return {path: Spot(*rest) for path, *rest in rows}

    def _owner(self, stage: BuildStage, text: str) -> tuple[int, int]:
        """The ids of USER[:GROUP]. A user alone is the group's number too, as in Docker."""
        if not text:
            return 0, 0
        known = bool(stage.layers) and not text.replace(":", "").isdigit()
        passwd, group = (self._text(stage, f"etc/{name}") if known else "" for name in ("passwd", "group"))
        found = find_user(text, passwd, group)
        return found.uid, found.gid if ":" in text else found.uid

    def _text(self, stage: BuildStage, path: str) -> str:
        """A file of the image so far."""
        return self.trees.read(stage.image(), path)

    def _write(self, entries: Iterable[Member]) -> Descriptor:
        with self.store.layout.incoming() as blob:
            for piece in archive_of(entries):
                blob.write(piece)
        return Descriptor(LAYER, blob.digest, blob.size)

    # --- RUN
    def _run(self, stage: BuildStage, words: tuple[str, ...]) -> Descriptor:
        image = stage.image()
        user = check_ids(user_of(image, None, lambda path: self._text(stage, path)), self.lab.ids)
        init, *layers = self.trees.stack(image)
        with UPPERS.kept(self.lab.world) as upper:
            overlay = Overlay((*layers, init), upper=upper.name)
            recipe = recipe_of(self.lab.recipe("build"), image, overlay, user, ImageWords(env=stage.build_arguments))
            self._program(words, recipe)
            return self._difference(upper, image)

    def _difference(self, upper: UpperFolder, image: Image) -> Descriptor:
        """What a container has written, as a layer. Only the lab's root may read all of it."""
        theirs, ours = os.pipe()
        words: dict[str, Any] = {"upper": f"{upper.path}/upper", "out": ours, "newest": self.epoch, "left_out": OWN}
        words |= {"owners": self.trees.owners(image), "folder": self.trees.folder}
        with self.store.layout.incoming() as blob, open(theirs, "rb") as archive, ThreadPoolExecutor(1) as pool:
            try:
                coming = pool.submit(shutil.copyfileobj, archive, blob, CHUNK)
                list(run_as_root(self.lab.world, f"{JOBS}:difference", given=(ours,), **words))
            finally:
                os.close(ours)
            coming.result()
        return Descriptor(LAYER, blob.digest, blob.size)

    @uninterrupted()
    def _program(self, words: tuple[str, ...], recipe: Recipe) -> None:
        """Run a program, and pass its output on as it comes. Raises BuildFailed unless its exit status is 0."""
        ours, theirs = os.pipe()
        decoder, last = codecs.getincrementaldecoder("utf-8")("replace"), ""
        with open(ours, "rb", buffering=0) as output:
            try:
                program = self.lab.launch(words, Streams(None, theirs, theirs), recipe=recipe)
            finally:
                os.close(theirs)
            try:
                while data := read_interruptibly(output):
                    text = decoder.decode(data)
                    last = (last + text)[-2000:]
                    self.say(text)
                run = program.finish()
            except BaseException:
                program.end()
                raise
        if run.returncode:
            ended = f"killed by {run.signal}" if run.signal else f"exit status {run.returncode}"
            lines = last.split("\n") if (last := last.strip()) else [""]
            raise BuildFailed(ended, status=run.returncode, output=last, hint=lines[-1])


def read_interruptibly(output: IO[bytes]) -> bytes:
    """What has come; Ctrl-C ends the wait for it."""
    with waiting():
        return output.read(1 << 16)


def epoch_of(given: Mapping[str, str]) -> int:
    """SOURCE_DATE_EPOCH of the build's arguments, or of the environment; else 1970. Raises BadInput."""
    text = given.get(EPOCH, os.environ.get(EPOCH, "")) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise BadInput(f"{EPOCH} is a number of seconds, not {short_repr(text)}")
    return int(text)


def refuse_order(steps: Sequence[BuildStep]) -> None:
    """Raise BadInput unless one FROM comes first, behind nothing but ARG."""
    begun = False
    for number, step in enumerate(steps, 1):
        place = step.place or f"step {number}"
        if isinstance(step, BaseImage) and begun:
            raise BadInput(f"{place}: a second FROM: stages of a build are not supported here")
        if not begun and not isinstance(step, BaseImage | BuildArgument):
            raise BadInput(f"{place}: a build begins with FROM", hint="an image of the store, or scratch")
        begun = begun or isinstance(step, BaseImage)
    if not begun:
        raise BadInput("a build begins with FROM, and there is none", hint="FROM busybox")


def failure_at(place: str, why: LabError | OSError) -> LabError:
    """An error with the line that it belongs to."""
    if isinstance(why, BuildFailed):
        return BuildFailed(f"{place}: {why.message}", status=why.status, output=why.output, hint=why.hint)
    if isinstance(why, OSError):
        return BuildFailed(f"{place}: {in_one_line(why)}")
    return type(why)(f"{place}: {why.message}", hint=why.hint)
