"""Exercise 6.6: a container ends; one text is on a volume, the other must come there before."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from .... import LabError
from ....kernel import proc
from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values, end_below
from ..kit.images import OfImages, busybox_of, end_all, images_of, living_below, stack_of

if TYPE_CHECKING:
    from ....runtime import Container

DATA = "/data"
LEDGER, DRAFT = "ledger", "draft"
MOST = 1 << 16  # bytes of a file that is compared


class Outlives(OfImages):
    """A deed: the first container has ended, and both of its texts are read by another one, on the volume."""

    id = "6.6"
    title = "What outlives the container"
    asks_about = "held"
    question = """ground.held["first"] is a live container of busybox. It has a text in /data/ledger, on the volume
    {volume}, and another in /root/draft, which is on no volume. Its time has come: end it, so that neither text is
    lost. Then start another container of busybox that goes on running (`sleep 1000`), with the volume {volume} at
    {place}; there, both texts can be read."""
    hints = (
        """A container writes into a folder of its own above the layers of its image, the upper. It goes when the
        container goes. A volume is a folder elsewhere, mounted into the container: it does not.""",
        """So the draft must come onto the volume while the first container lives: its own `cp` can do that, from
        /root/draft to /data. Then ground.held["first"].kill().""",
        """recipe = lab.images.volumes.recipe(lab.recipe(image="busybox"), {"{volume}": "{place}"}), and
        lab.start(["sleep", "1000"], recipe=recipe).""",
    )
    misconceptions = (
        Misconception(
            believes="What a container has written stays until it is deleted.",
            explains=(3,),
            message="""The ledger is there, the draft is not: it was in the first container's own folder, above the
            layers of the image, and that has gone with the container. It cannot be brought back:
            ground = exercises.start("6.6", lab) makes a new first container.""",
            sign=lambda view, answer: first_has_ended(view) and has_text(view, LEDGER) and not has_text(view, DRAFT),
            act=lambda ground: begin_second(ground, ground.values["volume"], save=False),
        ),
        Misconception(
            believes="A volume goes with the image: another container of it has it, too.",
            explains=(2,),
            message="""A container of busybox runs, and the volume is nowhere in it. A volume belongs to no image and to
            no container: each container that wants it must be given it, at its start.""",
            sign=lambda view, answer: (
                first_has_ended(view) and bool(bare_ones(view)) and not (having_volume(view) or misplaced(view))
            ),
            act=lambda ground: begin_second(ground, ""),
        ),
        Misconception(
            believes="A new container means a new volume.",
            explains=(2,),
            message="""At the right place lies a volume, and it is another one: new, with nothing of the first in it.
            A volume is found by its name; a name that is not there yet makes an empty one.""",
            sign=lambda view, answer: bool(with_another_volume(view)) and not having_volume(view),
            act=lambda ground: begin_second(ground, ground.values["other"]),
        ),
        Misconception(
            believes="Two containers may share a volume, so the first can stay.",
            explains=(1,),
            message="""They may: both see one folder, at two places. But the first was to end. As long as it lives,
            you do not know what outlives it.""",
            sign=lambda view, answer: not first_has_ended(view) and has_text(view, LEDGER),
            act=lambda ground: begin_second(ground, ground.values["volume"], end=False),
        ),
        Misconception(
            believes="A volume has one place, wherever it is used.",
            explains=(2,),
            message="""The right volume is in your container, at another place than the one that was asked for. Where a
            volume appears is said at each start; it has no place of its own.""",
            sign=lambda view, answer: bool(misplaced(view)) and not having_volume(view),
            act=lambda ground: begin_second(ground, ground.values["volume"], DATA),
        ),
    )
    after = "What was on the volume is there, at another place. All else of the first container has gone with it."
    names = ("almanac", "codex", "folio", "quarto", "scroll", "lectern")

    def values(self, random: Random) -> Values:
        one, other = random.sample(self.names[:-1], 2)
        place = random.choice(("/archive", "/srv/books", "/var/kept", "/shelf"))
        return {"names": [one], "volume": f"exercise-{one}", "other": f"exercise-{other}", "place": place,
                "box": "lectern"}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        busybox_of(ground)
        recipe = recipe_with(ground, ground.values["volume"], DATA)
        first: Container = ground.lab.container("first")
        ground.held["first"] = first
        for step in recipe:
            first.apply(step)
        texts = {LEDGER: secrets.token_hex(8), DRAFT: secrets.token_hex(8)}
        script = f"rm -rf {DATA}/*; echo {texts[LEDGER]} > {DATA}/{LEDGER}; echo {texts[DRAFT]} > /root/{DRAFT}"
        done = first.run(["sh", "-c", script])
        if done.returncode:
            raise LabError(f"the first container could not write: {done.stderr.strip()[:200]}")
        pid = first.machine_pid
        (mounted,) = (mount for mount in proc.mountinfo(pid) if mount.target == DATA)
        ground.facts.update(
            first=[pid, proc.start_time(pid)],
            volume=[mounted.device, mounted.root],
            stack=list(stack_of(pid)),
            texts={name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
        )

    def teardown(self, ground: Ground) -> None:
        first = ground.held.pop("first", None)
        if first is not None and first.alive:
            end_below(first.machine_pid)
            first.kill()
        volumes, names = images_of(ground).volumes, (ground.values["volume"], ground.values["other"])
        mine = tuple(f"/{name}" for name in names)
        using = living_below(
            ground.lab.host.machine_pid, lambda pid: any(root.endswith(mine) for root, _ in mounted_folders(pid))
        )
        end_all(ground, using)
        for name in names:
            if name in volumes.names():
                with suppress(LabError):  # in use by another lab: it is cleared at the next start
                    volumes.remove(name)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        volume, place = view.values["volume"], view.values["place"]
        pid, ended = view.facts["first"][0], first_has_ended(view)
        return [
            Requirement(
                name="the first container has ended",
                met=ended,
                observed=f"/proc/{pid} is {'no longer' if ended else 'still'} the process of the first container",
                expected="a process that has ended",
                why="only what is there without it has outlived it",
                look='ground.held["first"].kill()',
            ),
            Requirement(
                name=f"another container reads the ledger at {place}",
                met=has_text(view, LEDGER),
                observed=volume_in_words(view),
                expected=f"a live process of the lab with the volume {volume} at {place}, and in it the ledger's text",
                why="a volume is a folder of its own, and each container is given it at its start",
                look="lab.images.volumes.recipe, and /proc/PID/mountinfo of what you have started",
            ),
            Requirement(
                name="and the draft",
                met=has_text(view, DRAFT),
                observed=f"measured by sha256, {files_in_words(view)}",
                expected=f"a file with the draft's text in {place}",
                why="what a container writes elsewhere is in a folder that ends with it",
                look='ground.held["first"].run(["cp", ...]), while it lives',
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        lab, volume, place = ground.lab, ground.values["volume"], ground.values["place"]
        first = ground.held["first"]
        first.run(["cp", "/root/draft", "/data/draft"])
        first.kill()
        images = lab.images  # type: ignore[attr-defined]
        recipe = images.volumes.recipe(lab.recipe(image="busybox"), {volume: place})  # type: ignore[call-arg]
        lab.start(["sleep", "1000"], recipe=recipe)
        return None


# --- made for a ground
def recipe_with(ground: Ground, volume: str, place: str) -> Any:
    """The steps of a container of busybox with a volume."""
    images = images_of(ground)
    recipe = images.lab.recipe(image="busybox")  # type: ignore[call-arg]
    return images.volumes.recipe(recipe, {volume: place} if volume else {})


def begin_second(ground: Ground, volume: str, place: str = "", *, save: bool = True, end: bool = True) -> None:
    """Bring the draft onto the volume, end the first container, and start another with a volume, or without one."""
    first = ground.held["first"]
    if save:
        first.run(["cp", f"/root/{DRAFT}", f"{DATA}/{DRAFT}"])
    if end:
        first.kill()
    ground.lab.start(["sleep", "1000"], recipe=recipe_with(ground, volume, place or ground.values["place"]))


# --- read by a check
def first_has_ended(view: KernelView) -> bool:
    """Whether the process of the first container has ended."""
    pid, started = view.facts["first"]
    return proc.start_time(pid) != started or proc.state(pid) in ("", "Z")


def places_of_volume(view: KernelView, pid: int) -> Iterator[str]:
    """Where a process has the volume: known by the device and the folder that are mounted, not by a name."""
    with suppress(OSError):
        for mount in proc.mountinfo(pid):
            if [mount.device, mount.root] == view.facts["volume"]:
                yield mount.target


def started_since(view: KernelView) -> list[int]:
    """The processes of the lab that were started after the first container."""
    _, began = view.facts["first"]
    return living_below(view.host, lambda pid: int(proc.start_time(pid) or 0) > int(began))


def having_volume(view: KernelView) -> list[int]:
    """Processes with the volume at the place that was asked for."""
    return [pid for pid in started_since(view) if view.values["place"] in places_of_volume(view, pid)]


def misplaced(view: KernelView) -> list[int]:
    """Processes of containers with the volume at another place."""
    return [pid for pid in started_since(view) if stack_of(pid) and any(places_of_volume(view, pid))]


def bare_ones(view: KernelView) -> list[int]:
    """Processes of containers of busybox in which the volume is not."""
    stack = tuple(view.facts["stack"])
    return [pid for pid in started_since(view) if stack_of(pid) == stack and not mounted_folders(pid)]


def mounted_folders(pid: int) -> list[tuple[str, str]]:
    """The volumes of a process: device and folder, and where each is."""
    with suppress(OSError):
        return [(mount.root, mount.target) for mount in proc.mountinfo(pid) if "/volumes/" in mount.root]
    return []


def with_another_volume(view: KernelView) -> list[int]:
    """Processes that have another volume at the place that was asked for."""
    wanted = view.facts["volume"][1]
    return [
        pid
        for pid in started_since(view)
        if any(target == view.values["place"] and root != wanted for root, target in mounted_folders(pid))
    ]


def texts_at(view: KernelView, pid: int) -> set[str]:
    """The digests of the texts in the volume, as a process reads it."""
    found = set()
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/root{view.values['place']}").iterdir():
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        found.add(hashlib.sha256(file.read(MOST).strip()).hexdigest())
    return found


def has_text(view: KernelView, name: str) -> bool:
    """Whether another container reads one of the two texts on the volume."""
    return any(view.facts["texts"][name] in texts_at(view, pid) for pid in having_volume(view))


def volume_in_words(view: KernelView) -> str:
    """Where the volume is, as the kernel lists it."""
    place = view.values["place"]
    if found := having_volume(view):
        return f"/proc/{found[0]}/mountinfo has the volume at {place}, and no file in it has the ledger's text"
    if found := misplaced(view):
        return f"/proc/{found[0]}/mountinfo has the volume at {next(places_of_volume(view, found[0]))}"
    if found := with_another_volume(view):
        return f"/proc/{found[0]}/mountinfo has another folder than this volume at {place}"
    return f"/proc has no other process of the lab with this volume at {place}"


def files_in_words(view: KernelView) -> str:
    """How many texts the volume has for another container."""
    found = having_volume(view)
    if not found:
        return "no other container has the volume there, so none has the draft"
    count = len(texts_at(view, found[0]))
    return f"{view.values['place']} in /proc/{found[0]}/root has {count} text(s), and none is the draft's"
