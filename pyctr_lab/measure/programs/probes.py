"""Try to reach the outer side from inside a container: one small function a probe, in the order of its argument.

The argument is JSON: the names of the probes, and where the victim is (its number, paths, ports), but none of its
secrets. A probe returns what it has got, as text, or raises OSError with the kernel's answer. Each is a process of its
own, and undoes what it has done inside; outside, the victim sees it and undoes it. A line of JSON an answer: the
probe, whether it came to its end, and its text or the error's name. Before a probe that needs the victim to act while
it looks, the line ["act", probe]: it goes on when a byte comes in.
"""

import array
import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {"mq_open": 240, "mq_timedsend": 242, "keyctl": 250, "userfaultfd": 323},
    "aarch64": {"mq_open": 180, "mq_timedsend": 182, "keyctl": 219, "userfaultfd": 282},
}.get(platform.machine(), {})
NUMBERS |= {"io_uring_setup": 425, "fsopen": 430, "pidfd_open": 434, "pidfd_getfd": 438}
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
MS_SAME = 2 | 4 | 8  # nosuid, nodev, noexec: what /proc is mounted with
SECONDS = 10  # that a probe may take
BLIND = 0.3  # seconds that a probe waits where nothing tells it that the victim has acted


def libc(name: str, *words: Any) -> int:
    """Call a function of the C library. Raises OSError."""
    function = getattr(LIBC, name)
    function.restype = ctypes.c_long if name in ("syscall", "shmat") else ctypes.c_int
    result = function(*(ctypes.c_long(word) if isinstance(word, int) else word for word in words))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def syscall(name: str, *words: Any) -> int:
    """Make a system call that the C library may lack. Raises OSError."""
    return libc("syscall", NUMBERS[name], *words)


def let_act(name: str) -> None:
    """Have the victim do its part now."""
    os.write(1, (json.dumps(["act", name]) + "\n").encode())
    if not os.read(0, 1):
        time.sleep(BLIND)


def read(path: str) -> str:
    """A file's text, 64 KiB of it at most."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16).strip()


def write(path: str, text: str) -> str:
    """Write a file of /proc in one write."""
    fd = os.open(path, os.O_WRONLY)
    try:
        return str(os.write(fd, text.encode()))
    finally:
        os.close(fd)


def answer_of(family: int, address: Any) -> str:
    """What a service answers."""
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(SECONDS)
        line.connect(address)
        return line.recv(256).decode()


def is_socket(family: int, kind: int) -> str:
    """Whether the kernel makes such a socket."""
    socket.socket(family, kind).close()
    return "a socket"


def enter_nested(flags: int = 0) -> None:
    """A user namespace within ours, and others that belong to it."""
    libc("unshare", CLONE_NEWUSER | flags)


# ---------------------------------------------------------------------------------------------------------------- files
def read_lab_file(lab: Any) -> str:
    """Read a file of the host's that all may read."""
    return read(lab["file"])


def read_private_file(lab: Any) -> str:
    """Read a file of the host's root, mode 0600."""
    return read(lab["private"])


def connect_by_path(lab: Any) -> str:
    """Connect to a Unix socket of the host's by its path."""
    return answer_of(socket.AF_UNIX, lab["socket"])


def write_lab_folder(lab: Any) -> str:
    """Make a file in a folder of the host's that is open to all."""
    os.close(os.open(lab["open"] + "/intruder", os.O_CREAT | os.O_WRONLY, 0o644))
    return "written"


def read_mount_table(lab: Any) -> str:
    """Look for the host's mounts in /proc/self/mountinfo."""
    return "found" if lab["folder"] + " " in read("/proc/self/mountinfo") else "not there"


def leave_chroot(lab: Any) -> str:
    """Change the root to a folder below, and climb by .. from a working directory left outside."""
    os.chdir("/")
    os.chroot("/tmp")
    for _ in range(32):
        os.chdir("..")
    os.chroot(".")
    return read(lab["file"])


def reset_root(lab: Any) -> str:
    """Enter the mount namespace it is in already: setns resets the root."""
    fd = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    libc("setns", fd, CLONE_NEWNS)
    return read(lab["file"])


def write_shared_folder(lab: Any) -> str:
    """Write to a folder that is shared for reading."""
    os.close(os.open(lab["shared"] + "/intruder", os.O_CREAT | os.O_WRONLY, 0o644))
    return "written"


def plant_setuid_file(lab: Any) -> str:
    """Leave a set-user-id program of the host's root in a shared folder."""
    fd = os.open(lab["shared"] + "/planted", os.O_CREAT | os.O_WRONLY, 0o755)
    os.fchmod(fd, 0o4755)
    os.close(fd)
    return "written"


def run_setuid_program(lab: Any) -> str:
    """Become uid 1, and root again by a set-user-id program in a shared folder."""
    here, there = os.pipe()  # closed by exec: what comes is why there was none
    pid = os.fork()
    if pid == 0:
        try:
            os.setresgid(1, 1, 1)
            os.setresuid(1, 1, 1)
            os.execv(lab["shared"] + "/whoami", ["whoami"])
        except OSError as why:
            os.write(there, errno.errorcode[why.errno or 0].encode())
        os._exit(1)
    os.close(there)
    _, status = os.waitpid(pid, 0)
    return os.read(here, 64).decode() or (f"uid {os.waitstatus_to_exitcode(status)}")


def watch_shared_file(lab: Any) -> str:
    """Watch a program's file by inotify while the host runs it."""
    fd = libc("inotify_init1", os.O_NONBLOCK)
    libc("inotify_add_watch", fd, lab["inner_file"].encode(), 0x20)  # IN_OPEN
    let_act("watch_shared_file")
    try:
        return "opened" if os.read(fd, 4096) else ""
    except BlockingIOError:
        return "nothing"


def lock_shared_file(lab: Any) -> str:
    """Lock a program's file, so that the host's lock waits."""
    with open(lab["inner_file"], "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        let_act("lock_shared_file")
    return "locked"


# ------------------------------------------------------------------------------------------------------------ processes
def signal_victim(lab: Any) -> str:
    """Send a signal to a process of the host's."""
    os.kill(lab["pid"], signal.SIGUSR1)
    return "sent"


def read_victim_arguments(lab: Any) -> str:
    """Read the words of a host's process in /proc."""
    return read(f"/proc/{lab['pid']}/cmdline").rstrip("\0").rpartition("\0")[2]


def read_victim_environment(lab: Any) -> str:
    """Read the environment of a host's process in /proc."""
    words = dict(word.partition("=")[::2] for word in read(f"/proc/{lab['pid']}/environ").split("\0"))
    return words.get("SECRET", "")


def read_victim_memory(lab: Any) -> str:
    """Read the memory of a host's process: process_vm_readv."""
    size = lab["secret_size"]
    room = ctypes.create_string_buffer(size)
    own = (ctypes.c_void_p * 2)(ctypes.addressof(room), size)
    other = (ctypes.c_void_p * 2)(lab["address"], size)
    libc("process_vm_readv", lab["pid"], own, 1, other, 1, 0)
    return room.raw.decode()


def read_victim_root(lab: Any) -> str:
    """Reach the host's files by /proc/PID/root."""
    return read(f"/proc/{lab['pid']}/root{lab['file']}")


def renice_victim(lab: Any) -> str:
    """Give a process of the host's less processor time."""
    os.setpriority(os.PRIO_PROCESS, lab["pid"], 5)
    return "changed"


def steal_victim_descriptor(lab: Any) -> str:
    """Take an open descriptor out of a host's process: pidfd_getfd."""
    pidfd = syscall("pidfd_open", lab["pid"], 0)
    return os.pread(syscall("pidfd_getfd", pidfd, lab["fd"], 0), 256, 0).decode()


def lower_victim_limit(lab: Any) -> str:
    """Lower a limit of a host's process: prlimit."""
    resource.prlimit(lab["pid"], resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))
    return "changed"


# --------------------------------------------------------------------------------------------- messages, memory, names
def set_semaphore(lab: Any) -> str:
    """Set a System V semaphore of the host's."""
    libc("semctl", libc("semget", lab["key"], 1, 0), 0, 16, 7)  # SETVAL
    return "set"


def read_shared_memory(lab: Any) -> str:
    """Attach System V shared memory of the host's."""
    place = libc("shmat", libc("shmget", lab["key"], 0, 0), None, 0o10000)  # SHM_RDONLY
    return ctypes.string_at(place, lab["secret_size"]).decode()


def send_to_queue(lab: Any) -> str:
    """Send to a POSIX message queue of the host's."""
    fd = syscall("mq_open", lab["queue"].encode(), os.O_WRONLY, 0, None)
    syscall("mq_timedsend", fd, b"intruder", 8, 0, None)
    return "sent"


def read_host_name(lab: Any) -> str:
    """Ask for the machine's name."""
    return os.uname().nodename


def rename_host(lab: Any) -> str:
    """Rename the machine."""
    before = os.uname().nodename
    socket.sethostname("intruder")
    if before != lab["name"]:  # a name of our own is put back; the lab's is left for the victim to see
        socket.sethostname(before)
    return "renamed"


def read_cgroup_path(lab: Any) -> str:
    """Ask where its control group is."""
    return max((line.rpartition(":")[2] for line in read("/proc/self/cgroup").splitlines()), key=len)


def read_boot_clock(lab: Any) -> str:
    """Read how long the machine has run."""
    return f"{time.clock_gettime(time.CLOCK_BOOTTIME):.6f}"


# -------------------------------------------------------------------------------------------------------------- network
def ask_loopback_service(lab: Any) -> str:
    """Ask a service that listens at 127.0.0.1 of the host only."""
    return answer_of(socket.AF_INET, ("127.0.0.1", lab["port"]))


def ask_abstract_socket(lab: Any) -> str:
    """Connect to an abstract Unix socket of the host's."""
    return answer_of(socket.AF_UNIX, "\0" + lab["abstract"])


def list_sockets(lab: Any) -> str:
    """Look for the host's sockets in /proc/net."""
    return "found" if f":{lab['port']:04X} " in read("/proc/net/tcp") else "not there"


def sniff_loopback(lab: Any) -> str:
    """Listen to packets of the host's loopback: AF_PACKET."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as line:  # ETH_P_ALL
        line.bind(("lo", 0))
        line.setblocking(False)
        let_act("sniff_loopback")
        came = b""
        try:
            while True:
                came += line.recv(65536)
        except BlockingIOError:
            place = came.find(b"secret:")
            return came[place + 7 :][: lab["secret_size"]].decode() if place >= 0 else "nothing"


def take_datagrams(lab: Any) -> str:
    """Bind an address and port at which the host expects another service."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.2", lab["stolen_port"]))
        line.setblocking(False)
        let_act("take_datagrams")
        try:
            return line.recv(256).decode()
        except BlockingIOError:
            return "nothing"


def change_link(lab: Any) -> str:
    """Change the MTU of an interface of the host's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        before = fcntl.ioctl(line, 0x8921, struct.pack("16si20x", b"lo", 0))  # SIOCGIFMTU
        fcntl.ioctl(line, 0x8922, struct.pack("16si20x", b"lo", struct.unpack_from("16si", before)[1] - 1))
    return "changed"


def open_packet_socket(lab: Any) -> str:
    """Open a raw packet socket, in its own network."""
    return is_socket(socket.AF_PACKET, socket.SOCK_RAW)


# -------------------------------------------------------------------------------------------------- mounts and settings
def mount_tmpfs(lab: Any) -> str:
    """Mount a file system of its own."""
    libc("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
    libc("umount2", b"/tmp", 2)
    return "mounted"


def take_mask_off(lab: Any) -> str:
    """Unmount what covers /proc/keys."""
    libc("umount2", b"/proc/keys", 2)  # MNT_DETACH
    libc("mount", b"/dev/null", b"/proc/keys", None, MS_BIND, None)  # the next probe finds it masked again
    return "taken off"


def open_settings() -> None:
    """Make /proc/sys writable again."""
    libc("mount", None, b"/proc/sys", None, MS_REMOUNT | MS_BIND | MS_SAME, None)


def close_settings() -> None:
    """Make /proc/sys read-only, as it was."""
    libc("mount", None, b"/proc/sys", None, MS_REMOUNT | MS_BIND | MS_SAME | MS_RDONLY, None)


def remount_settings(lab: Any) -> str:
    """Make /proc/sys writable again."""
    open_settings()
    close_settings()
    return "writable"


def write_setting(lab: Any) -> str:
    """Write a setting of the kernel: kernel.shmmni, its own value."""
    return write("/proc/sys/kernel/shmmni", read("/proc/sys/kernel/shmmni"))


def lower_lab_quota(lab: Any) -> str:
    """Lower how many IPC namespaces the host's users may have."""
    path = "/proc/sys/user/max_ipc_namespaces"
    less = str(int(read(path)) - 1)
    try:
        write(path, less)
    except OSError as why:
        if why.errno != errno.EROFS:
            raise
        open_settings()
        try:
            write(path, less)
        finally:
            close_settings()
    return "lowered"


def time_interrupts(lab: Any) -> str:
    """Read the counts of interrupts."""
    return str(len(read("/proc/interrupts").splitlines()))


# -------------------------------------------------------------------------------------------------- the kernel's doors
def make_user_namespace(lab: Any) -> str:
    """Make a user namespace, in which it has all capabilities."""
    enter_nested()
    return next(line for line in read("/proc/self/status").splitlines() if line.startswith("CapEff"))


def open_file_system(lab: Any) -> str:
    """Configure a file system from a nested user namespace: fsopen."""
    enter_nested(CLONE_NEWNS)
    os.close(syscall("fsopen", b"tmpfs", 0))
    return "opened"


def nested_packet_socket(lab: Any) -> str:
    """Open a packet socket in a network of a nested user namespace."""
    enter_nested(CLONE_NEWNET)
    return is_socket(socket.AF_PACKET, socket.SOCK_RAW)


def set_up_io_uring(lab: Any) -> str:
    """Set up io_uring, whose calls no filter sees."""
    os.close(syscall("io_uring_setup", 1, ctypes.create_string_buffer(120)))
    return "set up"


def open_userfault(lab: Any) -> str:
    """Have page faults answered by itself: userfaultfd."""
    os.close(syscall("userfaultfd", os.O_CLOEXEC | 1))  # UFFD_USER_MODE_ONLY
    return "opened"


def open_machine_socket(lab: Any) -> str:
    """Open a socket between machines: AF_VSOCK."""
    if not lab["vsock"]:  # the kernel would load a module for it, and keep it
        raise OSError(errno.EAFNOSUPPORT, "")
    return is_socket(socket.AF_VSOCK, socket.SOCK_STREAM)


def stop_randomization(lab: Any) -> str:
    """Have addresses no longer at random: personality."""
    libc("personality", 0x0040000)  # ADDR_NO_RANDOMIZE
    return "off"


def read_keyring(lab: Any) -> str:
    """Find a key in the keyring of the host's root, and read it."""
    found = syscall("keyctl", 10, -4, b"user", lab["key_name"].encode(), 0)  # KEYCTL_SEARCH, the user's keyring
    room = ctypes.create_string_buffer(256)
    size = syscall("keyctl", 11, found, room, 256)  # KEYCTL_READ
    return room.raw[:size].decode()


# -------------------------------------------------------------------------------------------------------------- devices
def write_lab_terminal(lab: Any) -> str:
    """Write to a terminal of the host's."""
    fd = os.open(lab["terminal"], os.O_WRONLY | os.O_NOCTTY)
    os.write(fd, b"intruder\n")
    return "written"


def write_shared_memory_folder(lab: Any) -> str:
    """Leave a file in the host's /dev/shm."""
    os.close(os.open(f"/dev/shm/{lab['key_name']}", os.O_CREAT | os.O_WRONLY, 0o644))
    return "written"


# ----------------------------------------------------------------------------------------------------------- exhaustion
def make_many_processes(lab: Any) -> str:
    """Start 150 processes."""
    here, there = os.pipe()
    made = 0
    try:
        while made < 150:
            if os.fork() == 0:
                os.close(there)
                os.read(here, 1)
                os._exit(0)
            made += 1
    except BlockingIOError:
        pass
    os.close(there)
    return str(made)


def take_much_memory(lab: Any) -> str:
    """Write to 160 MB of memory."""
    room = mmap.mmap(-1, 160 << 20)
    for place in range(0, len(room), mmap.PAGESIZE):
        room[place] = 1
    return "160 MB"


def open_many_files(lab: Any) -> str:
    """Open 3000 files."""
    opened = array.array("i")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a program may raise its own up to there
    try:
        while len(opened) < 3000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as why:
        if why.errno != errno.EMFILE:
            raise
    return str(len(opened))


def make_big_file(lab: Any) -> str:
    """Make a file of 100 MB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.ftruncate(os.memfd_create("big"), 100 << 20)
    return "100 MB"


def lock_memory(lab: Any) -> str:
    """Lock 1 MB in memory."""
    room = mmap.mmap(-1, 1 << 20)
    libc("mlock", ctypes.byref(ctypes.c_char.from_buffer(room)), len(room))
    return "1 MB"


# --------------------------------------------------------------------------------------------------------- one by one
def carry_out(name: str, lab: Any, there: int) -> NoReturn:
    """One probe, in its own process; its answer goes to a pipe."""
    try:
        signal.alarm(SECONDS)
        answer: list[Any] = [True, globals()[name](lab)]
    except TimeoutError:
        answer = [False, "nothing"]
    except OSError as why:
        answer = [False, errno.errorcode.get(why.errno or 0, str(why))]
    except (LookupError, ValueError, AttributeError) as why:  # not there, or not as expected
        answer = [False, f"{type(why).__name__}: {why}"]
    os.write(there, json.dumps(answer).encode())
    os._exit(0)


def attempt(name: str, lab: Any) -> list[Any]:
    """Whether a probe came to its end, and its answer: the name of a signal where the kernel killed it."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(here)
        carry_out(name, lab, there)
    os.close(there)
    with open(here, "rb") as answers:
        said = answers.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(said) if said else [False, signal.Signals(os.WTERMSIG(status)).name]


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the victim's number may be ours in here
    task = json.loads(sys.argv[1])
    for each in task["probes"]:
        os.write(1, (json.dumps([each, *attempt(each, task["lab"])]) + "\n").encode())
