"""Exercise 6.5: a tag was moved; what was tested runs on, for a digest cannot be moved."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import role
from ..kit.images import (
    NAME,
    OfImages,
    busybox_of,
    end_all,
    forget_images,
    images_of,
    layered_image,
    layers_of,
    layout_at,
    living_below,
    stack_of,
    tiny_layer,
)

TESTED, MOVED, ALIKE = "tested", "moved", "alike"
RELEASE = "etc/release"


class PinWhatYouRun(OfImages):
    """A deed: a live container stands on the layers of what was tested, and each tag is where others have put it."""

    id = "6.5"
    title = "Pin what you run"
    asks_about = "facts"
    question = """On Friday you tested the image {tag}, found it good, and wrote down its digest: it is in
    ground.facts["tested"]. On Saturday a colleague moved this tag to a newer image. Today, start exactly what you have
    tested, in a container of your lab that goes on running (`sleep 1000` will do). Others use the tags: leave them as
    they are."""
    hints = (
        """A tag is a line in an index: it says today what it means today. A digest is computed from the content, so it
        means the same tomorrow, or nothing at all. See lab.images.ls(): a digest for each name.""",
        """What is called alike need not be alike: two images here say the same in /etc/release. Compare digests, not
        texts.""",
        """Where an image's name is wanted, its digest will do: image=ground.facts["tested"], with lab.start and a
        program that goes on running.""",
    )
    misconceptions = (
        Misconception(
            believes="It is the right image if it says so.",
            explains=(1,),
            message="""In your container, /etc/release says what the tested image says, and the layers below are
            those of the image to which the tag was moved: the file was written into it. A version in a file is a
            claim; the digest is computed from all that is there.""",
            sign=lambda view, answer: (
                not running_on(view, TESTED)
                and any(release_of(pid) == view.values["release"] for pid in running_on(view, MOVED))
            ),
            act=lambda ground: forge_release(ground),
        ),
        Misconception(
            believes="A tag is an image.",
            explains=(1,),
            message="""What runs is the image that this tag stands for today. The tag was moved: the same words,
            and other layers below your program. What you have tested has a name that cannot move: its digest.""",
            sign=lambda view, answer: bool(running_on(view, MOVED)) and not running_on(view, TESTED),
            act=lambda ground: begin_image(ground, ground.values["tag"]),
        ),
        Misconception(
            believes="The same version is the same image.",
            explains=(1,),
            message="""What runs says the same in /etc/release as what you have tested, and was built again:
            another file in it is not the same. Its digest is another, so it is another image.""",
            sign=lambda view, answer: bool(running_on(view, ALIKE)) and not running_on(view, TESTED),
            act=lambda ground: begin_image(ground, ground.values["latest"]),
        ),
        Misconception(
            believes="Put the tag back, and all is well.",
            explains=(2,),
            message="""The tag stands for what you have tested again: and all others who use it have lost what your
            colleague gave them. To run one image, no tag has to move. Give it back:
            ground.facts["names"] has the digest of each, and lab.images.tag(digest, name) moves a name.""",
            sign=lambda view, answer: tags_now(view).get(view.values["tag"]) == view.facts["tested"],
            act=lambda ground: put_back(ground),
        ),
    )
    after = "By its digest you run what you have tested, wherever the tags go: that is pinning."
    names = ("barge", "dinghy", "ferry", "ketch", "punt", "sloop", "wherry", "quay")

    def values(self, random: Random) -> Values:
        name = random.choice(self.names[:-1])
        number = random.randrange(100, 1000)
        return {"names": [name], "box": "quay", "tag": f"exercise/{name}:1", "old": f"exercise/{name}:0",
                "next": f"exercise/{name}:2", "latest": f"exercise/{name}:latest", "release": f"{name} 1.{number}",
                "newer": f"{name} 1.{number + 1}"}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        images, values = images_of(ground), ground.values
        base, store = busybox_of(ground), images_of(ground).store
        ground.add(values["box"])
        rows = {
            TESTED: (values["old"], values["release"], "verbose: no"),
            MOVED: (values["tag"], values["newer"], "verbose: no"),
            ALIKE: (values["latest"], values["release"], "verbose: yes"),
        }
        stacks, names = {}, {}
        for part, (name, release, settings) in rows.items():
            with store.adding():
                files = {"etc": None, RELEASE: f"{release}\n", "etc/settings": f"{settings}\n"}
                layers = [*layers_of(base), tiny_layer(store.layout, files)]
                image = store.tag(name, layered_image(store.layout, layers, base.config.settings))
            names[name], stacks[part] = image.digest, list(images.trees.stack(image))
        moved = store.image(values["tag"]).descriptor
        names[values["next"]] = store.tag(values["next"], moved).digest  # so that the tag can be given back
        ground.facts.update(store=str(store.folder), tested=names[values["old"]], names=names, stacks=stacks)

    def teardown(self, ground: Ground) -> None:
        stacks = [tuple(stack) for stack in ground.facts["stacks"].values()]
        end_all(ground, living_below(ground.lab.host.machine_pid, lambda pid: stack_of(pid) in stacks))
        forget_images(ground, ground.facts["names"])

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        now, before = tags_now(view), view.facts["names"]
        moved = [name for name in sorted(before) if now.get(name) != before[name]]
        return [
            Requirement(
                name="a container runs on what you have tested",
                met=bool(running_on(view, TESTED)),
                observed=what_runs(view),
                expected="a live process of the lab whose root stands on the layers of that digest",
                why="what was tested is a content, and only a digest names a content",
                look="lab.start, its image=, and the digests in lab.images.ls()",
            ),
            Requirement(
                name="each tag stands for what it stood for",
                met=not moved,
                observed="index.json: " + ("as before" if not moved else
                f"{moved[0]} stands for {now.get(moved[0], 'nothing')[:19]}, and stood for {before[moved[0]][:19]}"),
                expected='the digests in ground.facts["names"]',
                why="a tag is for all who use it",
                look="lab.images.ls(), and lab.images.tag",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ground.lab.start(["sleep", "1000"], image=ground.facts["tested"])  # type: ignore[call-arg]
        return None


def begin_image(ground: Ground, name: str, script: str = "sleep 1000") -> None:
    """Start a program in a container of an image."""
    images_of(ground).lab.start(["sh", "-c", script], image=name)  # type: ignore[call-arg]


def forge_release(ground: Ground) -> None:
    """Write into the moved image what the tested one says, and wait until it is written."""
    from ...grading import until

    script = f"echo {ground.values['release']} > /{RELEASE}; exec sleep 1000"
    begin_image(ground, ground.values["tag"], script)
    view = ground.view()
    until(lambda: any(release_of(pid) == ground.values["release"] for pid in running_on(view, MOVED)), 60)


def put_back(ground: Ground) -> None:
    """Move the tag to where it was, and run it."""
    images_of(ground).tag(ground.values["old"], ground.values["tag"])
    begin_image(ground, ground.values["tag"])


# --- read by a check
def running_on(view: KernelView, part: str) -> list[int]:
    """The processes of the lab whose root stands on the layers of one of the three images."""
    wanted = tuple(view.facts["stacks"][part])
    return living_below(view.host, lambda pid: stack_of(pid) == wanted)


def release_of(pid: int) -> str:
    """What a process reads in /etc/release."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/root/{RELEASE}").read_text().strip()
    return ""


def tags_now(view: KernelView) -> dict[str, str]:
    """Each name of the store, and the digest that it stands for."""
    return {each.annotations.get(NAME, ""): each.digest for each in layout_at(view, "store").manifests}


def what_runs(view: KernelView) -> str:
    """On whose layers programs of the lab run, as the kernel lists them."""
    of = {TESTED: "the tested image", MOVED: f"what {view.values['tag']} is today", ALIKE: view.values["latest"]}
    for part, words in of.items():
        if found := running_on(view, part):
            return f"/proc/{found[0]}/mountinfo: the root of this process stands on the layers of {words}"
    return f"/proc has no process of the lab on the layers of {role(view, 0)}, in any of its three images"
