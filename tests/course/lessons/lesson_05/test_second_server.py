from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole


@contextmanager
def copying_server(port: int, mark: str) -> Iterator[None]:
    """A server in the notebook that says what the container's says."""
    with socket.create_server(("127.0.0.1", port)) as listening:

        def serve() -> None:
            while True:
                try:
                    with listening.accept()[0] as taken:
                        taken.sendall(mark.encode())
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_words_that_were_copied_are_not_the_server(lab: Lab) -> None:
    ground = exercises.start("5.5", lab)
    with copying_server(ground.facts["port"], whole(ground).values["marks"][1]):
        verdict = exercises.check("5.5")
    assert [each.met for each in verdict.requirements] == [True, False, True, True]
    assert "no new connection" in verdict.requirements[1].observed
