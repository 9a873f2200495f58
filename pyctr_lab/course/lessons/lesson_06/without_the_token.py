"""Exercise 6.2: an image with a property, graded by reading all of its blobs."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from random import Random

from .... import BadInput, LabError
from ....images import BadImage, Image
from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Unreadable, Values, again
from ..kit.images import (
    ImageStore,
    OfImages,
    busybox_of,
    bytes_of_blob,
    content_in,
    file_in,
    folder_of_ground,
    forget_images,
    images_of,
    remove_folder,
)

MOST = 2  # layers of its own


class WithoutTheToken(OfImages):
    """A deed: an image on busybox in few layers; a step needs a token, and no blob has it."""

    id = "6.2"
    title = "What the image must not know"
    asks_about = "facts"
    question = """In the folder ground.facts["context"] lies a file `token`. Build an image {name} on busybox, with
    at most two layers of its own. Its file {path} has the token's sha256 (the 64 digits that sha256sum prints) and
    the mode {mode}; its containers run as user {uid}; and the token itself is in none of the image's blobs: no
    layer, no configuration."""
    hints = (
        """Each COPY and each RUN makes a layer, and a layer is never changed again: what a later step deletes is still
        in the layer of the earlier one. And the configuration has a history, with each step's words.""",
        """A build sees its context, its arguments, and the words of its steps; each of these leaves something. What is
        done before the build leaves nothing: the token need not come into it at all.""",
        """Compute the digest with hashlib, write it into a file of the context, and give that file its mode
        (Path.chmod). Then three lines: FROM busybox, COPY of that file to {path}, USER {uid};
        lab.images.build(text, name="{name}", context=ground.facts["context"]).""",
    )
    misconceptions = (
        Misconception(
            believes="What a later step deletes is not in the image.",
            explains=(5,),
            message="""A layer has the token. A step that deletes the file adds a whiteout above it: containers do
            not see the file, and all who have the image can read it in the layer below. A token that has been out like
            this is no secret any more.""",
            sign=lambda view, answer: any(place.startswith("layer") for place in leaks(view)),
            act=lambda ground: build_wrongly(
                ground, "COPY token /token\nRUN sha256sum /token > {path} && chmod {mode} {path} && rm /token"
            ),
        ),
        Misconception(
            believes="An argument of a build leaves no trace.",
            explains=(5,),
            message="""The token is in the configuration: the history has each step with the arguments and the
            words that it saw, and an ENV is there in the open. `history` shows it to all who have the image.""",
            sign=lambda view, answer: leaks(view) == ["configuration"],
            act=lambda ground: build_wrongly(
                ground,
                'ARG T\nRUN echo "$T" | sha256sum > {path} && chmod {mode} {path}',
                {"T": ground.values["token"]},
            ),
        ),
        Misconception(
            believes="Steps are for free.",
            explains=(1,),
            message="""The image has more layers of its own than two: each COPY and each RUN adds one, even if it
            changes one mode only. A file of the context brings its mode with it; and several commands fit into one
            RUN.""",
            sign=lambda view, answer: own_layers(view) > MOST,
            act=lambda ground: build_wrongly(
                ground, "COPY seal {path}\nRUN chmod 777 {path}\nRUN chmod {mode} {path}", sealed=True
            ),
        ),
        Misconception(
            believes="The user who owns the files is the user who runs.",
            explains=(4,),
            message="""The file belongs to that user, and containers of the image run as root all the same. An
            owner is in the layer; the user of a container is in the configuration, and USER writes it.""",
            sign=lambda view, answer: not user_of_image(view) and owner_of_file(view) == view.values["uid"],
            act=lambda ground: build_wrongly(ground, "COPY --chown={uid} seal {path}", sealed=True, user=False),
        ),
    )
    after = "Nothing was to be deleted, for nothing secret had come in: the layers have the result, and no more."
    names = ("brooch", "cameo", "locket", "signet", "torc", "bench-6")

    def values(self, random: Random) -> Values:
        word = random.choice(self.names[:-1])
        return {"names": [word], "name": f"exercise/{word}", "box": "bench-6", "uid": random.randrange(1000, 60000),
                "path": f"/etc/{random.choice(('mark', 'proof', 'seal', 'stamp'))}",
                "mode": random.choice(("0400", "0444", "0640", "0600")),
                "token": f"{random.randrange(1 << 96):024x}"}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        base, store = busybox_of(ground), images_of(ground).store
        forget_images(ground, [f"{ground.values['name']}:latest"])
        folder = folder_of_ground(ground)
        (folder / "token").write_text(ground.values["token"] + "\n")
        ground.facts.update(context=str(folder), store=str(store.folder), base=list(base.config.diff_ids))

    def teardown(self, ground: Ground) -> None:
        remove_folder(ground)
        forget_images(ground, [f"{ground.values['name']}:latest"])

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        values, image, found = view.values, image_made(view), leaks(view)
        none = f"measured: index.json of the store has no name {values['name']}"
        wanted = hashlib.sha256(f"{values['token']}\n".encode()).hexdigest()
        content = content_in(image_store(view), image, values["path"]) if image else None
        made = file_in(image_store(view), image, values["path"]) if image else None
        return [
            Requirement(
                name=f"{values['name']} stands on busybox, with at most two layers of its own",
                met=0 <= own_layers(view) <= MOST,
                observed=layers_in_words(view) if image else none,
                expected="an image of this name: the layers of busybox, and above them one or two",
                why="each layer is fetched, stored and stacked, for as long as the image lives",
                look="lab.images.build, and lab.images.history of the image",
            ),
            Requirement(
                name=f"{values['path']} has the token's sha256",
                met=content is not None and content.split()[:1] == [wanted.encode()],
                observed=none if not image else f"measured in its layers, {values['path']} " + (
                "is not there" if content is None else f"begins with {content[:12]!r}"),
                expected="the 64 digits that sha256sum prints for the file token",
                why="the image needs what follows from the secret, and not the secret",
                look="hashlib.sha256, or sha256sum, on the file in the context",
            ),
            Requirement(
                name=f"and the mode {values['mode']}",
                met=made is not None and made.mode & 0o7777 == int(values["mode"], 8),
                observed=none if not image else f"measured in its layers, {values['path']} " + (
                "is not there" if made is None else f"has the mode {made.mode & 0o7777:04o}"),
                expected=values["mode"],
                why="an archive keeps the mode of each file, and so does each container",
                look="Path.chmod in the context, or chmod in a RUN",
            ),
            Requirement(
                name=f"its containers run as user {values['uid']}",
                met=user_of_image(view).partition(":")[0] == str(values["uid"]),
                observed=none if not image else
                f"measured: its configuration has the user {user_of_image(view) or 'root, by default'}",
                expected=str(values["uid"]),
                why="a program that needs no root should not have it",
                look="USER",
            ),
            Requirement(
                name="no blob of it has the token",
                met=not found,
                observed=f"measured: the token is in its {found[0] if found else 'nothing'}",
                expected="an image whose layers and configuration never had it",
                why="with an image come all of its blobs, whatever its containers show",
                look="each layer of its own, and lab.images.history of the image",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        import hashlib
        from pathlib import Path

        values, context = ground.values, Path(ground.facts["context"])
        seal = context / "seal"
        seal.write_text(hashlib.sha256((context / "token").read_bytes()).hexdigest() + "\n")
        seal.chmod(int(values["mode"], 8))
        lines = f"FROM busybox\nCOPY seal {values['path']}\nUSER {values['uid']}\n"
        ground.lab.images.build(lines, name=values["name"], context=context)  # type: ignore[attr-defined]
        return None


def build_wrongly(
    ground: Ground, lines: str, args: dict[str, str] | None = None, *, sealed: bool = False, user: bool = True
) -> None:
    """Build an image of these lines, in one of the ways that are wrong; `sealed` puts the digest into the context."""
    values, context = ground.values, Path(ground.facts["context"])
    if sealed:
        seal = context / "seal"
        seal.write_text(hashlib.sha256((context / "token").read_bytes()).hexdigest() + "\n")
        seal.chmod(int(values["mode"], 8))
    last = "\nUSER {uid}\n" if user else "\n"
    text = f"FROM busybox\n{lines}{last}".format(**values)
    images_of(ground).build(text, name=values["name"], context=context, args=args)


# --- read by a check
def image_store(view: KernelView) -> ImageStore:
    """The learner's store."""
    return ImageStore(Path(view.facts["store"]))


def image_made(view: KernelView) -> Image | None:
    """The image that was to be built, if it is there. Raises Unreadable for a damaged one."""
    try:
        return image_store(view).image(view.values["name"])
    except BadInput:
        return None
    except BadImage as why:
        raise Unreadable(f"the image cannot be read: {why.message}", again(view.exercise)) from None


def own_layers(view: KernelView) -> int:
    """How many layers it has above those of busybox; -1 where it does not stand on them, and where it is not there."""
    image, base = image_made(view), view.facts["base"]
    if image is None or list(image.config.diff_ids[: len(base)]) != base:
        return -1
    return len(image.config.diff_ids) - len(base)


def layers_in_words(view: KernelView) -> str:
    """The number of its layers, as its configuration has them."""
    count = own_layers(view)
    if count < 0:
        return "measured: the diff_ids of its configuration do not begin with those of busybox"
    return f"measured: its configuration lists {count} above those of busybox"


def user_of_image(view: KernelView) -> str:
    """The user in its configuration; empty for none."""
    image = image_made(view)
    return str(image.config.settings.get("User") or "") if image else ""


def owner_of_file(view: KernelView) -> int:
    """The owner of the file; -1 where there is none."""
    image = image_made(view)
    made = file_in(image_store(view), image, view.values["path"]) if image else None
    return made.owner[0] if made else -1


def leaks(view: KernelView) -> list[str]:
    """Which of its blobs have the token, layers decompressed."""
    image, token = image_made(view), view.values["token"].encode()
    if image is None:
        return []
    layout, found = image_store(view).layout, []
    with suppress(LabError):
        named = [(f"layer {each.digest[:19]}", each) for each in image.manifest.layers]
        for name, blob in [*named, ("configuration", image.manifest.config), ("manifest", image.descriptor)]:
            found += [name] if token in bytes_of_blob(layout, blob) else []
    return found
