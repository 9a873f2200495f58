"""Jobs that a program in a container runs on demand. Their work is counted: no load of the machine changes it.

The program gets its plan through a socket: neither its command line nor an object of the learner's has it.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

from .... import Gone
from ...grading import again

if TYPE_CHECKING:
    from ....runtime import Container, Program

#: Reads lines "number text" and answers "number ms". The text of the first is {job: rounds of its first run, of the
#: second, ...}, that of the others a job's name. The least of three says how long a round takes: no hiccup counts.
WORKER = """
import json, os, time
def work(rounds):
    began = time.process_time()
    for _ in range(rounds):
        pass
    return (time.process_time() - began) * 1000
def answer(number, took):
    os.write(0, f"{number} {took}\\n".encode())
lines = open(0, closefd=False)
number, text = lines.readline().split(" ", 1)
plan, done, unit = json.loads(text), {}, 1000
while min(work(unit) for _ in range(3)) < 1:
    unit *= 2
answer(number, 0.0)
for line in lines:
    number, name = line.split()
    done[name] = done.get(name, 0) + 1
    answer(number, work(unit * plan[name][(done[name] - 1) % len(plan[name])]))
"""


class Wire:
    """Our end of the socket to the program. One question at a time: threads may ask."""

    def __init__(self, exercise: str) -> None:
        self._again = again(exercise)
        self._ours, self._theirs = socket.socketpair()
        self._answers = self._ours.makefile("r", encoding="ascii")
        self._lock = threading.Lock()
        self._asked = 0

    def start(self, box: Container, plan: dict[str, list[int]]) -> Program:
        """Start the program in a container, and wait until it is ready."""
        program = box.start(["python3", "-I", "-S", "-c", WORKER], stdin=self._theirs.fileno())
        self._theirs.close()
        self.ask(json.dumps(plan))
        return program

    def ask(self, text: str) -> float:
        """The program's answer, in ms. Raises Gone where it has ended."""
        with self._lock:
            self._asked += 1
            try:
                self._ours.sendall(f"{self._asked} {text}\n".encode())
                for said in iter(self._answers.readline, ""):
                    number, _, took = said.partition(" ")
                    if int(number) == self._asked:  # else it answers a question that was interrupted
                        return float(took)
            except (OSError, ValueError):  # ValueError: our end is closed
                pass
        raise Gone("the program that runs the jobs has ended", hint=self._again)

    def close(self) -> None:
        """Close our end; the program ends then."""
        self._answers.close()
        self._ours.close()
        self._theirs.close()


class TimedJob:
    """A job of the exercise: `run()` runs it once."""

    def __init__(self, name: str, wire: Wire) -> None:
        self.name = name
        self._wire = wire

    def run(self) -> float:
        """Run the job once. Returns the processor time that it took, in ms. Raises Gone."""
        return self._wire.ask(self.name)

    def close(self) -> None:
        """Let go of the program."""
        self._wire.close()

    def __repr__(self) -> str:
        return f"job {self.name!r}: .run() runs it once and returns the ms of processor time that it took"
