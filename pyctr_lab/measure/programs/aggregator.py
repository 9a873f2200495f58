"""A log aggregator that thinks it is alone: workers read the log again and again, parse, sort, compress, keep and sync.

Arguments: the log, the folder for its digests, and the number of workers. Says how many it could start. On SIGTERM it
ends, and says what it used: seconds of processor time, bytes of memory at most, and blocks of 512 bytes written.
"""

import collections
import os
import signal
import sys
import tempfile
import zlib

PIECE = 1 << 18  # bytes of the log at a time
KEPT = 16  # pieces that a worker keeps in memory


def work(path: str, folder: str) -> None:
    """Digests the whole log, and begins again. The digests' file has no name: it goes with the worker."""
    kept = collections.deque[list[list[bytes]]](maxlen=KEPT)
    with tempfile.TemporaryFile(dir=folder) as digests:
        while True:
            with open(path, "rb") as log:
                while lines := log.readlines(PIECE):
                    kept.append([entry.split() for entry in lines])
                    digests.write(zlib.compress(b"".join(sorted(lines)), 9))
                    digests.flush()
                    os.fsync(digests.fileno())


def start(count: int, path: str, folder: str) -> list[int]:
    """The workers' numbers: as many as were asked for, or as the kernel allows."""
    workers: list[int] = []
    while len(workers) < count:
        try:
            pid = os.fork()
        except BlockingIOError:  # pids.max
            break
        if pid == 0:
            work(path, folder)
        workers.append(pid)
    return workers


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    pids = start(int(sys.argv[3]), sys.argv[1], sys.argv[2])
    print(len(pids), flush=True)
    signal.sigwait([signal.SIGTERM])
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    used = [os.wait4(pid, 0)[2] for pid in pids]
    print(sum(u.ru_utime + u.ru_stime for u in used), sum(u.ru_maxrss for u in used) << 10,
          sum(u.ru_oublock for u in used))  # fmt: skip
