"""`pyctr-lab volume`: volumes of this user, in Docker's words."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from ..images.volumes import Volumes
from ..lab import Lab
from .image import print_table


def volume_options(made: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """The words of `volume`."""
    added = made.add_subparsers(title="words", metavar="WORD", required=True)
    for name, function, about in (
        ("ls", list_volumes, "list volumes"),
        ("inspect", inspect_volumes, "what volumes are, as JSON"),
        ("rm", remove_volumes, "remove volumes with all that is in them"),
    ):
        word = added.add_parser(name, help=about, description=about)
        word.set_defaults(command=run, volume=function, parser=word)
        if function is not list_volumes:
            word.add_argument("names", nargs="+", metavar="NAME")


def volume(words: argparse.Namespace) -> int:
    """Run one word of `volume` in a lab of its own: the files of a volume belong to a lab's ids."""
    with Lab() as lab:
        return int(words.volume(lab.images.volumes, words))


def list_volumes(volumes: Volumes, _: argparse.Namespace) -> int:
    """A line a volume."""
    return print_table(("NAME", "CREATED"), [(name, volumes.inspect(name)["CreatedAt"]) for name in volumes.names()])


def inspect_volumes(volumes: Volumes, words: argparse.Namespace) -> int:
    """Print a list, as Docker does."""
    print(json.dumps([volumes.inspect(name) for name in words.names], indent=2))
    return 0


def remove_volumes(volumes: Volumes, words: argparse.Namespace) -> int:
    """Print the name of each that is removed."""
    for name in words.names:
        volumes.remove(name)
        print(name)
    return 0
