"""What lesson 06 uses beside the lab: folders that go with the notebook, an empty store, a registry on loopback."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from .. import steps
from ..errors import LabError, Unsupported
from ..images import Images
from ..images.store import ImageStore
from ..images.world import make_folder_of
from ..kernel import proc
from ..runtime import Container, Lab
from .needs import why_not_run

PREFIX = "pyctr-lab-06-"
PLACES = (tempfile.gettempdir(), "/var/tmp", "/dev/shm")  # an overlay's upper folder cannot be on an overlay (Docker)
LISTENING = re.compile(r"listening on (127[\d.:]+)")
CODE_RANGE = re.compile(r"^\S+ r-x. [^\n]* (\S+)\nSize:.*?^Rss: +(\d+) kB.*?^Pss: +(\d+) kB", re.M | re.S)
SERVERS: list[subprocess.Popen[str]] = []


class MappedCode(NamedTuple):
    """What a process has in memory of a program's code, in bytes: all of it, and its share of what others have, too."""

    all: int
    share: int


def temporary_folder() -> Path:
    """An empty folder that the lab can read; it goes with the notebook. What notebooks that died have left goes now."""
    place = next((each for each in PLACES if os.path.isdir(each) and file_system_kind(each) != "overlay"), PLACES[0])
    for left in Path(place).glob(f"{PREFIX}*"):
        if not os.path.exists(f"/proc/{left.name.split('-')[3]}"):
            remove_leftover(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    folder.chmod(0o755)
    atexit.register(remove_leftover, folder)
    return folder


def remove_leftover(folder: Path) -> None:
    """Remove a folder with all in it, as far as we may: overlayfs makes one in it that is closed to all."""
    for place, names, _ in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def file_system_kind(folder: str) -> str:
    """The kind of file system that a folder is on: "ext4", "tmpfs", "overlay"."""
    place = os.path.realpath(folder) + "/"
    above = [mount for mount in proc.mountinfo("self") if place.startswith(mount.target.rstrip("/") + "/")]
    return max(above, key=lambda mount: len(mount.target)).kind


def new_images(lab: Lab) -> Images:
    """Images in an empty store, in a folder of `temporary_folder`; the user's own images are left alone."""
    return Images(lab, ImageStore(temporary_folder()))


def place_for_layers(lab: Lab, box: Container) -> None:
    """Mount an empty folder on a container's /mnt in which overlayfs can leave its marks, extended attributes.

    In memory since Linux 6.6, before that on the disk.
    """
    box.apply(steps.Tmpfs("/mnt", size="256m"))
    try:
        os.setxattr(f"/proc/{box.machine_pid}/root/mnt", "user.mark", b"")
    except OSError:
        folder = temporary_folder()
        make_folder_of(lab, folder)
        box.apply(steps.Bind(str(folder), "/mnt", readonly=False))


def small_distribution(folder: Path) -> Path:
    """Fill a folder with a distribution of one program, busybox, with all its names; as section 1 does it by hand.

    Raises Unsupported where busybox is missing.
    """
    program = shutil.which("busybox")
    if program is None:
        raise Unsupported("busybox is not installed", hint="apt-get install busybox-static")
    for name in ("bin", "tmp", "usr/lib"):
        (folder / name).mkdir(parents=True)
    shutil.copy(program, folder / "bin/busybox")
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in {*names} - {"busybox"}:
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "usr/lib/os-release").write_text('PRETTY_NAME="Pocket Linux 1"\n')
    return folder


def mapped_code(pid: int, file: str) -> MappedCode:
    """What a process has in memory of a program's code, by Rss and Pss of smaps: see proc(5)."""
    ranges = CODE_RANGE.findall(proc.text_of(pid, "smaps"))
    own = [(int(rss) << 10, int(pss) << 10) for name, rss, pss in ranges if name == file]
    return MappedCode(sum(rss for rss, _ in own), sum(pss for _, pss in own))


def start_registry() -> str:
    """Start Debian's docker-registry, empty, on a free port of loopback; its address. One at a time.

    It ends with the notebook. Where it is not installed, say so in a line; then there is no address.
    Raises LabError with its last words where it does not start.
    """
    while SERVERS:
        SERVERS.pop().kill()
    if missing := why_not_run(["registry"]):
        print(missing)
        return ""
    folder = temporary_folder()
    storage = {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}}
    settings = {"version": "0.1", "storage": storage, "http": {"addr": "127.0.0.1:0"}}
    (folder / "registry.json").write_text(json.dumps(settings))  # JSON is YAML
    command = ["setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", str(folder / "registry.json")]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    SERVERS.append(server)
    assert server.stderr
    said: list[str] = []
    for line in server.stderr:
        said.append(line.strip())
        if found := LISTENING.search(line):
            Thread(target=deque, args=(server.stderr, 0), daemon=True).start()  # read on, or it would block
            return found[1]
    raise LabError(f"docker-registry ended: {said[-1][:200] if said else 'it said nothing'}")


@atexit.register
def end_registries() -> None:
    """End the registry. If the notebook's kernel is killed, Linux ends it: PR_SET_PDEATHSIG in prctl(2)."""
    for server in SERVERS:
        server.kill()
