"""How long from a call to the end of /bin/true, here and in every runtime that is installed, in one interleaved run.

All use the same root file system (the host's /usr for reading only) and their own full set of namespaces. Times are of
the whole way, from the caller's first instruction to the reaped process, in milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput, LabError
from ..runtime import Lab
from ..steps import Limits

Start = Callable[[], None]
USR_LINKS = ("bin", "sbin", "lib", "lib64")
COMMAND = ("/bin/true",)
LIMITED = "ours, with limits"  # the same start, in a control group of its own, where somebody has given us one
LIMITS = Limits(memory="64M", cpus=0.5, pids=32)


@dataclass(frozen=True)
class Startup:
    """One engine's samples, in milliseconds, in the order in which they were taken."""

    engine: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def as_json(self) -> dict[str, str | int | float]:
        """The figures of one engine."""
        return {
            "engine": self.engine,
            "runs": len(self.samples),
            "min_ms": round(min(self.samples), 3),
            "median_ms": round(self.median, 3),
            "max_ms": round(max(self.samples), 3),
        }


def measure_startup(
    *, runs: int = 40, seed: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[Startup]:
    """Starts every engine `runs` times, in an order shuffled anew each round; the first round is not counted."""
    if not 1 <= runs <= 10_000:
        raise BadInput(f"the number of runs is between 1 and 10000, not {runs}")
    order = random.Random(seed)
    with ExitStack() as stack:
        engines = stack.enter_context(prepared())
        samples: dict[str, list[float]] = {name: [] for name in engines}
        for round_ in range(runs + 1):
            for name in order.sample(sorted(engines), len(engines)):
                took = timed(engines[name])
                samples[name] += [took] if round_ else []
            if progress:
                progress(round_, runs)
    return sorted((Startup(name, tuple(taken)) for name, taken in samples.items()), key=lambda row: row.median)


def timed(start: Start) -> float:
    """Milliseconds of one start."""
    began = time.perf_counter_ns()
    start()
    return (time.perf_counter_ns() - began) / 1e6


@contextmanager
def prepared() -> Iterator[dict[str, Start]]:
    """The engines that work here, each as a function that starts one container and waits for its end."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pyctr-lab-bench-")))
        recipe = lab.recipe("bench")
        found: dict[str, Start] = {"pyctr_lab": lambda: must(lab.run(COMMAND, recipe=recipe).returncode)}
        for name, start in {
            LIMITED: lambda: must(lab.run(COMMAND, recipe=recipe, limits=LIMITS).returncode),
            "exec": plain,
            "unshare": unshare(),
            "bubblewrap": bubblewrap(),
            **oci(folder),
            **docker(stack),
        }.items():
            if start and works(start):
                found[name] = start
        yield found


def must(status: int) -> None:
    """A start that failed is no sample."""
    if status:
        raise LabError(f"a start ended with status {status}")


def works(start: Start) -> bool:
    """Tried, not assumed."""
    try:
        start()
    except (LabError, OSError, subprocess.SubprocessError):
        return False
    return True


def command(*argv: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Start:
    """A start by a command line; its output is read and thrown away, but a failure is told."""

    def start() -> None:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=60, check=False, env=env, cwd=cwd)  # fmt: skip
        must(done.returncode)

    return start


plain = command(*COMMAND)


def unshare() -> Start | None:
    """util-linux: namespaces, no file system of its own."""
    options = "--user --map-root-user --mount --uts --ipc --net --pid --fork --cgroup --mount-proc"
    return command("unshare", *options.split(), *COMMAND) if shutil.which("unshare") else None


def bubblewrap() -> Start | None:
    """bubblewrap with the same walls and files; as root it would do without a user namespace, so it is asked for."""
    if not shutil.which("bwrap"):
        return None
    links = [word for name in USR_LINKS for word in ("--symlink", f"usr/{name}", f"/{name}")]
    walls = "--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup --uid 0 --gid 0"
    files = ["--ro-bind", "/usr", "/usr", *links, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    return command("bwrap", *walls.split(), "--hostname", "bench", *files, "--die-with-parent", *COMMAND)


def oci(folder: Path) -> dict[str, Start | None]:
    """runc and crun, on a bundle whose root file system shows the host's /usr."""
    found: dict[str, Start | None] = {}
    if not shutil.which("runc") or os.geteuid() != 0:
        return found  # their rootless mode needs settings of its own; part of the engines' room
    bundle = make_bundle(folder)
    count = iter(range(10**9))
    if shutil.which("runc"):
        found["runc"] = lambda: command(
            "runc", "--root", str(folder / "runc"), "run", "-b", str(bundle), f"b{next(count)}"
        )()
    if shutil.which("crun"):
        # crun refuses hybrid cgroups: a mount namespace without the second tree
        script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun --root "$1" run -b "$2" "$3"'
        found["crun"] = lambda: command(
            "unshare", "-m", "sh", "-c", script, "sh", str(folder / "crun"), str(bundle), f"b{next(count)}"
        )()
    return found


def make_bundle(folder: Path) -> Path:
    """An OCI bundle: `runc spec`, with our command, no terminal, a user namespace, and /usr bound for reading."""
    bundle = folder / "bundle"
    root = bundle / "rootfs"
    for name in ("usr", "proc", "dev", "sys", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    for name in USR_LINKS:
        (root / name).symlink_to(f"usr/{name}")
    subprocess.run(["runc", "spec", "-b", str(bundle)], check=True, stdout=subprocess.DEVNULL)
    file = bundle / "config.json"
    spec = json.loads(file.read_text())
    spec["process"].update(args=list(COMMAND), terminal=False)
    spec["mounts"].append({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]})
    spec["linux"]["namespaces"] += [{"type": "user"}, {"type": "cgroup"}]
    ids = [{"containerID": 0, "hostID": 200_000_000, "size": 65536}]
    spec["linux"].update(uidMappings=ids, gidMappings=ids)
    file.write_text(json.dumps(spec))
    for place in (folder, bundle, root):
        place.chmod(0o755)
    return bundle


def docker(stack: ExitStack) -> dict[str, Start | None]:
    """Docker, when a daemon runs already. The host's /usr is too much for an image: a volume shows it."""
    if (
        not shutil.which("docker")
        or subprocess.run(
            ["docker", "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode
    ):
        return {}
    links = "".join(f"usr/{name} {name}\n" for name in USR_LINKS)
    with tempfile.TemporaryDirectory() as place:
        for line in links.splitlines():
            target, name = line.split()
            (Path(place) / name).symlink_to(target)
        made = subprocess.run(f"tar -C {place} -c . | docker import - pyctr-lab-bench:1", shell=True, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    if made.returncode:
        return {}
    stack.callback(subprocess.run, ["docker", "rmi", "-f", "pyctr-lab-bench:1"], stdout=subprocess.DEVNULL, check=False)
    run = command("docker", "run", "--rm", "--network", "none", "-v", "/usr:/usr:ro", "pyctr-lab-bench:1", *COMMAND)
    return {"docker": run}


def table(rows: list[Startup]) -> str:
    """Medians, spread, and the ratio of ours to each: ratios travel between machines, milliseconds do not."""
    ours = next(row.median for row in rows if row.engine == "pyctr_lab")
    lines = [f"{'engine':<18}{'runs':>6}{'min ms':>10}{'median ms':>11}{'max ms':>10}   pyctr_lab is"]
    for row in rows:
        what = "" if row.engine == "pyctr_lab" else f"   {ours / row.median:.2f} of it"
        lines.append(
            f"{row.engine:<18}{len(row.samples):>6}{min(row.samples):>10.2f}{row.median:>11.2f}"
            f"{max(row.samples):>10.2f}{what}"
        )
    return "\n".join(lines)
