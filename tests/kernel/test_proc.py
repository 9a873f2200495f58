"""/proc as data: on the real files, and on lines made to mislead."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pyctr_lab.kernel import KINDS, proc

pytestmark = pytest.mark.machine

LINE = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue"


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended and is reaped."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_processor_time_and_memory_of_this_process() -> None:
    used = os.times()
    assert used.user + used.system - 0.02 <= proc.cpu_seconds(os.getpid()) <= sum(os.times()[:2]) + 0.02
    assert 0 < proc.cpu_seconds(f"{os.getpid()}/task/{os.getpid()}") <= proc.cpu_seconds("self") + 0.02
    rollup = proc.smaps_rollup("self")
    assert 0 < rollup["Pss"] <= rollup["Rss"] and 0 < proc.pss(os.getpid()) <= proc.smaps_rollup("self")["Rss"]


def test_a_process_is_known_by_its_start(gone: int) -> None:
    assert int(proc.start_time(os.getpid())) <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")
    assert proc.start_time(gone) == ""
    with pytest.raises(ProcessLookupError):
        proc.pss(gone)


def test_a_line_of_the_manual_page() -> None:
    mount = proc.parse_mount(LINE)
    assert (mount.id, mount.parent, mount.root, mount.target) == (36, 35, "/mnt1", "/mnt2")
    assert mount.options == ("rw", "noatime") and mount.propagation == ("master:1", "shared:7")
    assert (mount.kind, mount.source, mount.super_options) == ("ext3", "/dev/root", ("rw", "errors=continue"))
    assert not mount.readonly


def test_no_optional_field_at_all() -> None:
    mount = proc.parse_mount("1 0 0:1 / /a ro - tmpfs tmpfs rw")
    assert mount.propagation == () and mount.readonly


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"/a\040b", "/a b"), (r"/a\011b", "/a\tb"), (r"/a\012b", "/a\nb"), (r"/a\134040b", r"/a\040b"),
     (r"/\040-\040tmpfs", "/ - tmpfs"), ("/a-b", "/a-b"), ("/-", "/-"), (r"/\043x", "/#x")],
)  # fmt: skip
def test_names_are_read_as_they_were_meant(written: str, meant: str) -> None:
    assert proc.parse_mount(f"1 0 0:1 / {written} rw - tmpfs none rw").target == meant
    assert proc.parse_mount(f"1 0 0:1 {written} / rw - tmpfs {written} rw").root == meant


def test_an_empty_source_and_a_subtype() -> None:
    mount = proc.parse_mount("1 0 0:1 / /a rw - fuse.sshfs  rw,user_id=0")
    assert (mount.kind, mount.source, mount.super_options) == ("fuse.sshfs", "", ("rw", "user_id=0"))


@pytest.mark.parametrize("line", ["", "1", "1 0 0:1 / /a rw", "x 0 0:1 / /a rw - tmpfs none rw"])
def test_a_broken_line_is_an_error_and_not_half_a_mount(line: str) -> None:
    with pytest.raises(ValueError):
        proc.parse_mount(line)


def test_our_own_mounts() -> None:
    mounts = proc.mountinfo("self")
    assert len(mounts) == len(Path("/proc/self/mountinfo").read_text().splitlines())
    assert any(mount.target == "/" for mount in mounts)
    assert any(mount.kind == "proc" and mount.target == "/proc" for mount in mounts)


def test_our_own_namespaces() -> None:
    found = proc.namespaces("self")
    assert tuple(found) == tuple(kind for kind in KINDS if os.path.exists(f"/proc/self/ns/{kind}"))
    assert found["uts"] == os.stat("/proc/self/ns/uts").st_ino


def test_a_kind_that_this_kernel_does_not_have() -> None:
    assert proc.namespace("self", "weather") is None


def test_our_own_status_and_number() -> None:
    assert proc.status("self")["Pid"] == str(os.getpid())
    assert proc.nspid("self")[-1] == proc.nspid(os.getpid())[-1] == os.getpid()


def test_id_maps_of_a_user_namespace(tmp_path: Path) -> None:
    shown = subprocess.run(
        ["unshare", "--user", "--map-root-user", "cat", "/proc/self/uid_map"], capture_output=True, text=True
    )
    if shown.returncode:
        pytest.skip(f"this machine refuses user namespaces: {shown.stderr.strip()}")
    assert shown.stdout.split() == ["0", str(os.geteuid()), "1"]
    assert all(isinstance(part, proc.IdRange) and part.count > 0 for part in proc.uid_map("self"))
    assert proc.gid_map("self")


def test_limits_are_what_getrlimit_says() -> None:
    limits = proc.limits("self")
    for name, number in (("Max open files", resource.RLIMIT_NOFILE), ("Max core file size", resource.RLIMIT_CORE),
                         ("Max processes", resource.RLIMIT_NPROC), ("Max cpu time", resource.RLIMIT_CPU)):  # fmt: skip
        meant = tuple(None if value == resource.RLIM_INFINITY else value for value in resource.getrlimit(number))
        assert limits[name] == meant


def test_children_while_threads_come_and_go() -> None:
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            brief = threading.Thread(target=int)
            brief.start()
            brief.join()

    churning = threading.Thread(target=churn)
    churning.start()
    child = subprocess.Popen(["sh", "-c", "sleep 1000 & wait"])
    try:
        for _ in range(300):
            assert child.pid in proc.children(os.getpid())
        below = proc.descendants(os.getpid())
        assert child.pid in below and set(proc.children(child.pid)) <= set(below)
    finally:
        over.set()
        churning.join()
        for pid in (*proc.descendants(child.pid), child.pid):
            os.kill(pid, signal.SIGKILL)
        child.wait()


def test_children_and_their_state() -> None:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert child.pid in proc.children(os.getpid())
    assert proc.state(child.pid) in "RSD"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert proc.state(child.pid) == "Z" and child.pid in proc.children(os.getpid())
    child.communicate()


def test_a_process_lives_on_whose_first_thread_alone_is_a_zombie(gone: int) -> None:
    script = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).pthread_exit(None)  # of this thread only
"""
    child = subprocess.Popen([sys.executable, "-c", script])
    while proc.state(child.pid) != "Z":
        time.sleep(0.001)
    assert not proc.has_ended(child.pid) and len(proc.threads(child.pid)) == 2
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert proc.has_ended(child.pid), "a zombie without threads"
    child.communicate()
    assert proc.has_ended(gone)


def test_a_name_with_brackets_does_not_confuse_the_state(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/cat")
    child = subprocess.Popen([str(program)], stdin=subprocess.PIPE)
    os.kill(child.pid, 19)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert proc.state(child.pid) == "T"
    child.kill()
    child.communicate()


def test_of_a_process_that_has_gone(gone: int) -> None:
    for ask in (proc.namespaces, proc.status, proc.nspid, proc.mountinfo, proc.uid_map, proc.limits, proc.children):
        with pytest.raises(ProcessLookupError, match="has ended"):
            ask(gone)
    assert proc.state(gone) == "-"


def test_a_file_that_is_not_there_is_not_a_process_that_has_gone() -> None:
    with pytest.raises(FileNotFoundError):
        proc.text_of("self", "no_such_file")


def test_the_cgroup_is_a_path_that_the_file_has() -> None:
    path = proc.cgroup("self")
    assert path.startswith("/")
    assert re.search(rf":{re.escape(path)}$", Path("/proc/self/cgroup").read_text(), re.M)


def test_a_child_of_another_thread_is_one() -> None:
    started: list[subprocess.Popen[bytes]] = []
    go_on = threading.Event()
    thread = threading.Thread(target=lambda: (started.append(subprocess.Popen(["sleep", "1000"])), go_on.wait()))
    thread.start()
    try:
        while not started:
            time.sleep(0.001)
        assert started[0].pid in proc.children(os.getpid())
    finally:
        go_on.set()
        thread.join()
        started[0].kill()
        started[0].wait()


@pytest.mark.parametrize("hidden", [PermissionError, ProcessLookupError])
def test_ancestors_end_where_proc_hides_them(hidden: type[OSError], monkeypatch: pytest.MonkeyPatch) -> None:
    """hidepid=1 and 2 of proc(5)."""
    own, plain = os.getpid(), proc.status

    def status(pid: int | str) -> dict[str, str]:
        if pid != own:
            raise hidden("hidden")
        return plain(pid)

    monkeypatch.setattr(proc, "status", status)
    assert proc.ancestors(own) == (os.getppid(),)


def test_ancestors_end_where_nothing_more_is_seen() -> None:
    found = proc.ancestors(os.getpid())
    assert found[:1] == (os.getppid(),) and 0 not in found
    assert not found or proc.ancestors(found[-1]) == ()
