"""A process of the outer side with secrets, for probes of isolation: `victim.py FOLDER SECRET`, and orders as lines.

Everything is in a folder of its own and in a child, the target, which is made anew for each round. An order is a list
in JSON: "begin" and the id that the container's root has here, answered by where things are and what is secret; the
name of a probe and a file, where the victim has to act while that probe looks; "look", answered by what has been done
to it, which it undoes; "end". The end of its input ends it, too.
"""

import ctypes
import fcntl
import json
import os
import platform
import resource
import secrets
import select
import signal
import socket
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {"mq_open": 240, "mq_unlink": 241, "mq_timedreceive": 243, "add_key": 248, "keyctl": 250},
    "aarch64": {"mq_open": 180, "mq_unlink": 181, "mq_timedreceive": 183, "add_key": 217, "keyctl": 219},
}.get(platform.machine(), {})
QUOTA = "/proc/sys/user/max_ipc_namespaces"
IPC_RMID, SETVAL, GETVAL = 0, 16, 12
SIZE = 32  # letters of a secret
WHOAMI = {
    "x86_64": (62, bytes.fromhex("b86b0000000f0589c7b83c0000000f05")),
    "aarch64": (183, bytes.fromhex("e81580d2010000d4a80b80d2010000d4")),
}
"""Programs that end with their user id as status: geteuid and exit. They need no library: any image can run them."""


def syscall(name: str, *words: Any) -> int:
    """Make a system call; -1 where it fails."""
    LIBC.syscall.restype = ctypes.c_long
    given = (ctypes.c_long(word) if isinstance(word, int) else word for word in words)
    return int(LIBC.syscall(ctypes.c_long(NUMBERS[name]), *given)) if name in NUMBERS else -1


def read(path: str) -> str:
    """A file's text."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def link_mtu(change: int | None = None) -> int:
    """The MTU of the loopback interface, which may be changed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        asked = struct.pack("16si20x", b"lo", change or 0)
        return int(struct.unpack_from("16si", fcntl.ioctl(line, 0x8922 if change else 0x8921, asked))[1])


class Victim:
    """What is there to be reached, and what has been done to it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.said = {name: secrets.token_hex(SIZE // 2) for name in
                     ("file", "private", "socket", "memory", "fd", "shm", "port", "abstract", "datagram", "key")}
        self.said |= {"arguments": sys.argv[-1], "environment": os.environ["SECRET"]}
        self.name, self.mtu, self.quota = os.uname().nodename, link_mtu(), read(QUOTA)
        self.memory = ctypes.create_string_buffer(self.said["memory"].encode())
        self.fd = os.memfd_create("secret")
        os.write(self.fd, self.said["fd"].encode())
        self.tag = f"pyctr-{secrets.token_hex(6)}"
        self.key = secrets.randbelow(1 << 30) + 1
        self.target = 0
        self.files()
        self.sockets()
        self.messages()
        self.master, slave = os.openpty()
        self.terminal = os.ttyname(slave)
        os.set_blocking(self.master, False)
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)

    # --- what is there
    def files(self) -> None:
        """Files and folders; a set-user-id program of its own."""
        os.umask(0)
        for name, mode in (("own", 0o755), ("open", 0o1777), ("shared", 0o777)):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
            os.chmod(f"{self.folder}/{name}", mode)
        for name, mode in (("file", 0o644), ("private", 0o600)):
            with open(f"{self.folder}/own/{name}", "w", encoding="utf-8") as file:
                file.write(self.said[name])
            os.chmod(f"{self.folder}/own/{name}", mode)
        self.program(0)

    def program(self, owner: int) -> None:
        """A set-user-id program in the shared folder, of this owner."""
        place = f"{self.folder}/shared/whoami"
        with open(place, "wb") as file:
            file.write(whoami_program())
        os.chown(place, owner, owner)
        os.chmod(place, 0o4755)  # a change of owner takes the bit away

    def sockets(self) -> None:
        """Services that answer each caller with a secret, and a socket for datagrams to itself."""
        by_path = socket.socket(socket.AF_UNIX)
        by_path.bind(f"{self.folder}/own/socket")
        by_path.listen()
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind("\0" + self.tag)
        abstract.listen()
        port = socket.create_server(("127.0.0.1", 0))
        self.port = port.getsockname()[1]
        self.services = {by_path: "socket", abstract: "abstract", port: "port"}
        self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.own.bind(("127.0.0.1", 0))
        self.stolen = self.own.getsockname()[1]

    def messages(self) -> None:
        """A semaphore, shared memory, a queue and a key; the kernel removes the key by itself a while later."""
        self.sem = LIBC.semget(self.key, 1, 0o1666)  # IPC_CREAT
        self.shm = LIBC.shmget(self.key, 4096, 0o1666)
        LIBC.shmat.restype = ctypes.c_void_p
        place = LIBC.shmat(self.shm, None, 0)
        ctypes.memmove(place, self.said["shm"].encode(), SIZE)
        LIBC.shmdt(ctypes.c_void_p(place))
        self.queue = syscall("mq_open", self.tag.encode(), os.O_RDONLY | os.O_CREAT | os.O_NONBLOCK, 0o666, None)
        secret = self.said["key"].encode()
        syscall("keyctl", 1, None)  # KEYCTL_JOIN_SESSION_KEYRING: one of its own, by which it possesses
        syscall("keyctl", 8, -4, -3)  # KEYCTL_LINK: what is in the user's keyring
        made = syscall("add_key", b"user", self.tag.encode(), secret, len(secret), -4)  # the user's keyring
        self.user_key = made
        syscall("keyctl", 5, made, 0x3F3F0000)  # KEYCTL_SETPERM: the user may all
        syscall("keyctl", 15, made, 600)  # KEYCTL_SET_TIMEOUT

    def begin(self, inner_root: int) -> dict[str, Any]:
        """A new target; where all is, and the secrets by name."""
        self.program(inner_root)
        LIBC.semctl(self.sem, 0, SETVAL, 0)
        self.acted: dict[str, bool] = {}
        first = os.getpid()
        self.target = os.fork()
        if self.target == 0:
            LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != first:
                os._exit(0)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
            os.write(self.ready[1], b".")
            while True:
                signal.pause()
        os.read(self.ready[0], 1)
        own = f"{self.folder}/own"
        place = {
            "folder": self.folder, "file": f"{own}/file", "private": f"{own}/private", "socket": f"{own}/socket",
            "open": f"{self.folder}/open", "shared": f"{self.folder}/shared", "pid": self.target, "fd": self.fd,
            "address": ctypes.addressof(self.memory),
            "secret_size": SIZE, "key": self.key, "queue": self.tag, "abstract": self.tag, "key_name": self.tag,
            "port": self.port, "stolen_port": self.stolen, "name": self.name, "terminal": self.terminal,
            "vsock": "AF_VSOCK" in read("/proc/net/protocols"),
        }  # fmt: skip
        return {"place": place, "secrets": self.said}

    ready = os.pipe()

    # --- what it does meanwhile
    def answer(self, service: socket.socket) -> None:
        """Answer a caller."""
        line, _ = service.accept()
        with line:
            line.sendall(self.said[self.services[service]].encode())

    def act(self, probe: str, path: str) -> bool:
        """Its part in a probe that looks at what the outer side does; whether it has one."""
        if probe in ("sniff_loopback", "take_datagrams"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.sendto(self.said["datagram"].encode(), ("127.0.0.2", self.stolen))
                line.sendto(b"secret:" + self.said["datagram"].encode(), ("127.0.0.1", self.stolen))
                self.own.recv(256)  # then the first has arrived as well, if anyone has taken it
        elif probe == "watch_shared_file":
            os.close(os.open(path, os.O_RDONLY))
        elif probe == "lock_shared_file":
            found = os.stat(path)
            name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino} "
            self.acted[probe] = any(name in line for line in read("/proc/locks").splitlines() if "FLOCK" in line)
        else:
            return False
        return True

    # --- what has been done to it
    def look(self) -> dict[str, bool]:
        """Which probes have changed something here. Undo it."""
        target, pid = read(f"/proc/{self.target}/status"), self.target
        pending = next(int(line.split()[1], 16) for line in target.splitlines() if line.startswith("ShdPnd"))
        seen = {
            "signal_victim": bool(pending >> (signal.SIGUSR1 - 1) & 1),
            "renice_victim": os.getpriority(os.PRIO_PROCESS, pid) == 5,
            "lower_victim_limit": resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 1 << 40,
            "set_semaphore": LIBC.semctl(self.sem, 0, GETVAL) == 7,
            "send_to_queue": self.received(),
            "rename_host": os.uname().nodename != self.name,
            "change_link": link_mtu() != self.mtu,
            "lower_lab_quota": read(QUOTA) != self.quota,
            "write_lab_folder": taken_away(f"{self.folder}/open/intruder"),
            "write_shared_folder": taken_away(f"{self.folder}/shared/intruder"),
            "plant_setuid_file": taken_away(f"{self.folder}/shared/planted", owner=0),
            "write_shared_memory_folder": taken_away(f"/dev/shm/{self.tag}"),
            "write_lab_terminal": self.typed(),
            **self.acted,
        }
        if seen["rename_host"]:
            socket.sethostname(self.name)
        if seen["change_link"]:
            link_mtu(self.mtu)
        if seen["lower_lab_quota"]:
            with open(QUOTA, "w", encoding="utf-8") as file:
                file.write(self.quota)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return seen

    def received(self) -> bool:
        """Whether a message has come."""
        room = ctypes.create_string_buffer(8192)
        return syscall("mq_timedreceive", self.queue, room, 8192, None, None) >= 0

    def typed(self) -> bool:
        """Whether something was written to its terminal."""
        try:
            return b"intruder" in os.read(self.master, 4096)
        except BlockingIOError:
            return False

    def end(self) -> None:
        """Remove what is in no folder."""
        LIBC.semctl(self.sem, 0, IPC_RMID, 0)
        LIBC.shmctl(self.shm, IPC_RMID, None)
        syscall("mq_unlink", self.tag.encode())
        syscall("keyctl", 3, self.user_key)  # KEYCTL_REVOKE


def taken_away(path: str, owner: int | None = None) -> bool:
    """Whether a file was there, and belonged to `owner` if that is given."""
    try:
        found = os.lstat(path)
        os.unlink(path)
    except FileNotFoundError:
        return False
    return owner is None or found.st_uid == owner


def whoami_program() -> bytes:
    """A program of one segment: see elf(5)."""
    machine, code = WHOAMI.get(platform.machine(), (0, b""))
    at, size = 0x400000, 64 + 56 + len(code)
    head = struct.pack("<4s4B8x2HI3QI6H", b"\x7fELF", 2, 1, 1, 0, 2, machine, 1, at + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<2I6Q", 1, 5, 0, at, at, size, size, 0x10000) + code


def serve(victim: Victim) -> None:
    """Answer callers, and carry out orders until the input ends."""
    orders: dict[str, Callable[..., Any]] = {"begin": victim.begin, "look": victim.look}
    said = b""
    while True:
        ready = select.select([0, *(service.fileno() for service in victim.services)], [], [])[0]
        for service in victim.services:
            if service.fileno() in ready:
                victim.answer(service)
        if 0 not in ready:
            continue
        more = os.read(0, 4096)
        if not more:
            return
        *lines, said = (said + more).split(b"\n")
        for line in lines:
            word, *words = order = json.loads(line)
            if word == "end":
                return
            done = orders[word](*words) if word in orders else victim.act(*order)
            os.write(1, (json.dumps(done) + "\n").encode())


if __name__ == "__main__":
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # what it sends to itself comes in its order
    outer = Victim(sys.argv[1])
    try:
        serve(outer)
    finally:
        outer.end()
