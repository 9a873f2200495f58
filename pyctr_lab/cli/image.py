"""`pyctr-lab image`: images of this user, in the words of Docker, skopeo and umoci."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..images import Images
from ..lab import Lab


def image_options(made: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """The words of `image`, each with its options."""
    added = made.add_subparsers(title="words", metavar="WORD", required=True)

    def add(name: str, function: Callable[[Images, argparse.Namespace], int], help: str, *words: str) -> None:
        word = added.add_parser(name, help=help, description=help)
        word.set_defaults(command=run, image=function, parser=word)
        for each in words:
            word.add_argument(each)
        if function is import_:
            word.add_argument("--name", required=True, help="what it is to be called")
        if function is verify:
            word.add_argument("--repair", action="store_true", help="remove damaged blobs: import or pull them anew")
        if function is build:
            word.add_argument("-f", "--file", help="the Containerfile (default: that of the context)")
            word.add_argument("-t", "--tag", "--name", dest="name", required=True, help="what it is to be called")
            word.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="for ARG")

    add("build", build, "build an image from a Containerfile", "context")
    add("import", import_, "make one of a folder, a tar, oci:DIR:TAG, busybox, debian:12", "source")
    add("export", export, "write one as a folder, FILE.tar, oci:DIR:TAG, docker-archive:FILE", "name", "target")
    add("ls", ls, "list images")
    add("inspect", inspect, "what an image is, as JSON", "name")
    add("history", history, "how an image came about", "name")
    add("diff", diff, "the files in which a second image differs", "name", "other")
    add("du", du, "what images take of the disk")
    add("tag", tag, "give an image one more name", "name", "other")
    add("push", push, "send an image to the registry that its name has", "name")
    add("pull", pull, "fetch an image from a registry: 127.0.0.1:5000/web:1", "name")
    add("rm", rm, "take a name away", "name")
    add("prune", prune, "remove what no name holds")
    add("verify", verify, "read all there is, and say what is damaged")


def image(words: argparse.Namespace) -> int:
    """Run one word of `image` in a lab of its own."""
    with Lab() as lab:
        return int(words.image(lab.images, words))


# --- the words
def build(images: Images, words: argparse.Namespace) -> int:
    """Build; its output as it comes."""
    pairs = [each.partition("=") for each in words.build_arg]
    file = Path(words.file) if words.file else Path(words.context)
    args = {name: value for name, _, value in pairs}
    made = images.build(file, name=words.name, context=words.context, args=args, progress=say)
    return print_made(made.name, made.digest)


def import_(images: Images, words: argparse.Namespace) -> int:
    """Import, with a line of progress where standard error is a terminal."""
    made = images.import_(words.source, words.name, report=progress())
    return print_made(made.name, made.digest)


def export(images: Images, words: argparse.Namespace) -> int:
    """Export."""
    images.export(words.name, words.target, report=progress())
    return 0


def ls(images: Images, words: argparse.Namespace) -> int:
    """A line an image."""
    rows = [(each.name, each.digest[7:19], len(each.manifest.layers), size_in_words(each.size)) for each in images.ls()]
    return print_table(("NAME", "DIGEST", "LAYERS", "SIZE"), rows)


def inspect(images: Images, words: argparse.Namespace) -> int:
    """Print it as JSON."""
    print(json.dumps(images.inspect(words.name), indent=2))
    return 0


def history(images: Images, words: argparse.Namespace) -> int:
    """A line a step, the newest first as Docker has it."""
    lines = reversed(images.history(words.name))
    return print_table(
        ("LAYER", "SIZE", "MADE BY"), [(e.diff_id[7:19], size_in_words(e.size), e.created_by) for e in lines]
    )


def diff(images: Images, words: argparse.Namespace) -> int:
    """A line a file: A added, C changed, D removed, as Docker's diff has it."""
    for change in images.diff(words.name, words.other):
        print({"added": "A", "changed": "C", "removed": "D"}[change.what], change.path)
    return 0


def du(images: Images, words: argparse.Namespace) -> int:
    """A line an image."""
    rows = [(each.name, *map(size_in_words, (each.own, each.shared, each.unpacked))) for each in images.du()]
    return print_table(("NAME", "OWN", "SHARED", "UNPACKED"), rows)


def tag(images: Images, words: argparse.Namespace) -> int:
    """One more name."""
    made = images.tag(words.name, words.other)
    return print_made(made.name, made.digest)


def push(images: Images, words: argparse.Namespace) -> int:
    """Push."""
    print(images.push(words.name, progress=progress()))
    return 0


def pull(images: Images, words: argparse.Namespace) -> int:
    """Pull."""
    made = images.pull(words.name, progress=progress())
    return print_made(made.name, made.digest)


def rm(images: Images, words: argparse.Namespace) -> int:
    """Untag."""
    images.rm(words.name)
    return 0


def prune(images: Images, words: argparse.Namespace) -> int:
    """Say what was removed."""
    done = images.prune()
    print(f"removed: {done.blobs} blobs, {size_in_words(done.bytes)}; {done.trees} unpacked layers")
    return 0


def verify(images: Images, words: argparse.Namespace) -> int:
    """A line a fault; 1 if there is one."""
    wrong = images.verify(repair=words.repair)
    print(*wrong or ["all there is can be read, and is what its digests say"], sep="\n")
    return int(bool(wrong))


# --- lines
def say(text: str) -> None:
    """Output as it comes."""
    print(text, end="", flush=True)


def print_made(name: str, digest: str) -> int:
    """The last line of what makes an image."""
    print(f"{name}  {digest}")
    return 0


def progress() -> Callable[[str, int, int], object] | None:
    """A line that is written over, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def report(what: str, done: int, total: int) -> None:
        print(f"\r{what}: {size_in_words(done)} of {size_in_words(total)}   ", end="", file=sys.stderr, flush=True)

    return report


def size_in_words(size: float) -> str:
    """Bytes as people read them: 2.0 MiB."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Columns as wide as their widest."""
    lines = [head, *([str(each) for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)).rstrip())
    return 0
