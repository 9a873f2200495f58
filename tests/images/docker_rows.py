"""What a real Docker says of archives, and what it writes: a generator for the engines' sandbox."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyctr_lab.engines import ALL, rootfs
from pyctr_lab.engines.sandbox import WORK


def exchange(archives: Sequence[str]) -> Iterator[object]:
    """For each archive of docker-archive's kind what Docker has loaded, and what it saves of it; then a commit."""
    with ALL["docker"](Path(WORK) / "docker", rootfs.make_rootfs(Path(WORK) / "rootfs", files=1)) as docker:

        def run(*words: str) -> bytes:
            done = subprocess.run([*docker.client, *words], capture_output=True, check=False)  # type: ignore[attr-defined]
            if done.returncode:
                raise RuntimeError(f"docker {words}: {done.stderr.decode()[-1000:]}")
            return done.stdout

        def about(name: str) -> list[object]:
            found = json.loads(run("image", "inspect", name))[0]
            return [found["Id"], found["RootFS"]["Layers"]]

        def saved(name: str) -> str:
            return base64.b64encode(gzip.compress(run("save", name), 1)).decode()

        yield "version", json.loads(run("version", "--format", "{{json .Server.Version}}"))
        for archive in archives:
            name = run("load", "--quiet", "-i", archive).decode().strip().partition(": ")[2]
            said = run("run", "--network=none", "--name=changed", name, "sh", "-c", "echo by docker | tee /new")
            run("commit", "changed", "committed:1")
            run("rm", "changed")
            yield "image", name, about(name), said.decode().strip(), saved(name)
            yield "image", "committed:1", about("committed:1"), "", saved("committed:1")
