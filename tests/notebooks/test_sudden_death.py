"""A Jupyter kernel that is killed in the middle of a build takes its lab with it, at whatever step that was."""

from __future__ import annotations

import os
import signal

import pytest
from jupyter_client.manager import start_new_kernel

from pyctr_lab import Lab
from pyctr_lab.course.grading import until
from pyctr_lab.kernel.proc import start_time

BUILD = """
from pyctr_lab import Lab
lab = Lab()
box = lab.container("demo")
for step in list(lab.recipe())[:{made}]:
    box.apply(step)
sleeper = box.start(["sleep", "1000"]) if {made} > 2 else None
living = [lab.launcher.machine_pid, box.machine_pid] + ([sleeper.machine_pid] if sleeper else [])
print(*living)
"""
HANG = "box.run(['sleep', '1000'])"

with Lab() as lab:
    STEPS = [step.title for step in lab.recipe()]


@pytest.mark.parametrize(
    "made",
    [pytest.param(made, id=name, marks=[] if made % 5 == 0 else [pytest.mark.complete])
     for made, name in enumerate(["before the first", *STEPS])],
)  # fmt: skip
def test_sigkill_of_the_kernel_leaves_no_process(made: int) -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        said: list[str] = []
        listen = lambda message: said.append(message["content"].get("text", ""))  # noqa: E731
        client.execute_interactive(BUILD.format(made=made), timeout=30, output_hook=listen)
        living = {int(pid): start_time(int(pid)) for pid in "".join(said).split()}
        assert len(living) >= 2 and all(living.values())
        client.execute(HANG)
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        until(lambda: not any(start_time(pid) == born for pid, born in living.items()))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
