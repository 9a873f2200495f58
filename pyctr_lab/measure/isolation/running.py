"""Measure which wall of a container stops which probe: the recipe with one wall left out, and with some together.

matrix = measure_isolation()
print(matrix)
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ...errors import LabError, Unsupported
from ...images import ImageWords
from ...kernel.checks import check_function, check_kind, check_list
from ...lab import Lab
from ...runtime.streams import Streams
from ...steps import ROOT, Bind, Limits, PivotRoot, ReadOnlyRoot, Recipe, Step
from ..network.senders import program_words
from .matrix import IsolationMatrix, Outcome, spell_walls
from .probes import Probe, combined_walls, known_probes, on_image, tried_with, where_absent
from .victim import Start, Victim, victim_in
from .walls import (
    FOLDER,
    LIMITS,
    WALLS,
    SharedFolder,
    check_walls,
    inner_root,
    inserted,
    limits_without,
    recipe_walls,
    with_limits,
    without_walls,
)

HOST_FILE = "/usr/bin/whoami"  # of the host's own tree: the container's file and the host's are one
IMAGE_FILE = "/etc/passwd"
PYTHON = "/usr/bin/python3"
HOST_USR = f"{FOLDER}/usr"  # where a container of an image finds the host's interpreter


def measure_isolation(
    lab: Lab | None = None,
    *,
    image: str | None = None,
    probes: Iterable[str] | None = None,
    missing: Iterable[Iterable[str]] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> IsolationMatrix:
    """Run probes in containers of the whole recipe, with no wall missing, with each one, and with sets of several.

    They reach for a victim in the lab (default: a lab of its own), never for the machine, and undo what they change.
    `probes` are names of some; `missing` sets of walls, as [(), "pid", ("pid", "user")]. With an `image` the container
    has its files in place of the host's. `progress` is called with how many variants are done, and how many there are.
    An interrupt ends it: what was measured by then is returned. Raises BadInput for an unknown probe or wall.
    """
    chosen = known_probes(probes)
    wanted = None if missing is None else [check_walls(each) for each in check_list(missing, "missing walls")]
    check_function(progress, "progress")
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(private=True)) if lab is None else check_kind(lab, Lab, "the lab")
        return _Measuring(lab, image, chosen).matrix(wanted, progress)


def probe_recipe(
    lab: Lab, recipe: Recipe, probes: Iterable[str] | None = None, limits: Limits | None = None
) -> list[Outcome]:
    """Run probes in a container of any recipe; what became of each.

    Its tree must have the host's /usr, or another /usr/bin/python3. The folder that the others share with the host is
    not in it. Raises LabError where the probes cannot be run there.
    """
    check_kind(lab, Lab, "the lab")
    chosen = known_probes(probes)
    check_kind(recipe, Recipe, "the recipe", hint="lab.recipe()")
    with victim_in(lab, (HOST_FILE, HOST_FILE)) as victim:
        start = starter(lab, recipe, limits)
        done = victim.round(start, program_words, [probe.name for probe in chosen], inner_root(recipe))
    return done.outcomes(chosen, ())


def starter(lab: Lab, recipe: Recipe, limits: Limits | None) -> Start:
    """What starts a program in a container of this recipe."""

    def start(argv: Sequence[str], *streams: int) -> Callable[[], object]:
        return lab.launch(argv, Streams(*streams), recipe=recipe, limits=limits).end

    return start


class _Measuring:
    """The whole recipe of one lab, and what is measured with it."""

    def __init__(self, lab: Lab, image: str | None, probes: tuple[Probe, ...]) -> None:
        if not os.access(PYTHON, os.X_OK):
            raise Unsupported(f"there is no {PYTHON}, in which probes run", hint="apt-get install python3")
        self.lab, self.image = lab, image
        self.notes: list[str] = []
        self.available = tuple(self._limits())
        self.recipe = self._whole()
        walls = recipe_walls(self.recipe, self.available)
        self.walls = walls if self.available else tuple(wall for wall in walls if wall != "cgroup")
        known = [probe if image is None else on_image(probe) for probe in probes if self._can_try(probe)]
        self.probes = tuple(where_absent(probe, set(WALLS) - set(self.walls)) for probe in known)
        if lab.ids == 1:
            self.notes.append("ids: no such wall here: this lab has one id only")

    def _limits(self) -> Iterator[str]:
        """Which limits this machine lets the lab have."""
        for name in LIMITS:
            try:
                self.lab.cgroup(self.lab.groups.fresh_name(), Limits(**{name: LIMITS[name]})).remove()  # type: ignore[arg-type]
                yield name
            except Unsupported as why:
                self.notes.append(f"{name}: no such wall here: {why.message}")

    def _can_try(self, probe: Probe) -> bool:
        """Whether a probe would say anything here; a note says why not."""
        needed = {"run_setuid_program": (self.lab.ids > 1, "a second id"),
                  "read_cgroup_path": (bool(self.available), "a control group of its own"),
                  "open_machine_socket": ("AF_VSOCK" in text_of_protocols(), "vsock in the kernel: to try loads it"),
                  }  # fmt: skip
        there, what = needed.get(probe.name, (True, ""))
        if not there:
            self.notes.append(f"{probe.name}: not tried: it needs {what}")
        return there

    # --- the recipe
    def _whole(self) -> Recipe:
        """`docker_like`, with a folder that it shares with the lab, and limits of each process."""
        made = self.lab.recipe("box", kind="docker_like")
        shared: list[Step] = [SharedFolder()]
        if self.image is not None:
            made = self.lab.images.recipe(self.image, made, ImageWords())
            shared.append(Bind("/usr", f"{ROOT}{HOST_USR}"))
        return with_limits(inserted(made, shared, before=(ReadOnlyRoot, PivotRoot)))

    def _words(self, name: str, argument: str) -> list[str]:
        """The words of a program in the container; an image has no interpreter, and is shown the host's."""
        words = program_words(name, argument)
        return words if self.image is None else [*interpreter_elsewhere(), *words[1:]]

    def _file(self) -> tuple[str, str]:
        if self.image is None:
            return HOST_FILE, HOST_FILE
        trees = self.lab.images.trees
        seen = [tree.name for tree in trees.seen(self.lab.images.store.image(self.image))]
        having = next((name for name in reversed(seen) if (trees.folder / name / IMAGE_FILE[1:]).exists()), seen[0])
        return IMAGE_FILE, f"{ROOT}/{having}{IMAGE_FILE}"

    # --- what is measured
    def matrix(
        self, wanted: list[frozenset[str]] | None, progress: Callable[[int, int], object] | None
    ) -> IsolationMatrix:
        """All of it, or some sets of walls only."""
        began, found = time.monotonic(), list[Outcome]()
        variants = self._variants() if wanted is None else wanted
        try:
            with victim_in(self.lab, self._file()) as victim:
                for number, gone in enumerate(variants):
                    found += self._variant(victim, gone)
                    if progress:
                        progress(number + 1, len(variants))
        except KeyboardInterrupt:
            self.notes.append("interrupted: what had been measured by then")
        return IsolationMatrix(
            self.walls, self.probes, tuple(found), self._title(found), time.monotonic() - began, tuple(self.notes)
        )

    def _variants(self) -> list[frozenset[str]]:
        """No wall missing, each one, and the sets that let a probe out."""
        return [frozenset(), *(frozenset({wall}) for wall in self.walls), *combined_walls(self.probes)]

    def _variant(self, victim: Victim, gone: frozenset[str]) -> list[Outcome]:
        probes = tried_with(self.probes, gone)
        try:
            start = starter(self.lab, without_walls(self.recipe, gone), limits_without(self.available, gone))
            argv = program_words if "mnt" in gone else self._words
            done = victim.round(start, argv, [probe.name for probe in probes], self._inner_root(gone))
        except (LabError, OSError) as why:
            self.notes.append(f"not measured without {spell_walls(gone) or 'any missing'}: {str(why)[:200]}")
            return []
        return done.outcomes(probes, [wall for wall in self.walls if wall in gone])

    def _inner_root(self, gone: frozenset[str]) -> int:
        return 0 if gone & {"ids", "user"} else inner_root(self.recipe)

    def _title(self, found: list[Outcome]) -> str:
        out = sorted({each.probe for each in found if each.out and not each.missing})
        files = "the host's files" if self.image is None else f"the image {self.image}"
        said = f"Out with all walls up, on {files}: {', '.join(out) or 'none'}"
        return f"{said}, of {len(self.probes)} probes" if not out else said


def text_of_protocols() -> str:
    """The kinds of sockets that the kernel has now."""
    return Path("/proc/net/protocols").read_text()


def interpreter_elsewhere() -> list[str]:
    """The words that start the host's Python where its /usr is at another place, and no library is at its own."""
    program = Path(PYTHON)
    loader = next(Path("/usr").glob("lib*/ld-linux*.so.*"), None)
    if loader is None:
        raise Unsupported("no loader of programs is in /usr/lib", hint="measure without an image")
    shown = [f"{HOST_USR}/{path.resolve().relative_to('/usr')}" for path in (loader, program)]
    libraries = f"{HOST_USR}/lib/{platform.machine()}-linux-gnu"
    return [shown[0], "--library-path", libraries, "--argv0", shown[1], shown[1]]
