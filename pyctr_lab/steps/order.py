"""In which order steps work, as data: rules over the words that steps need and provide, each with its reason.

All measured; the errno is what the kernel says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..kernel.checks import check_list
from .mounts import ROOT
from .namespaces import NAMES
from .step import Step, refuse_no_step

SAME: tuple[str, ...] = ()  # the very word that the step needs


@dataclass(frozen=True)
class Rule:
    """A step that needs the word `applies_to` is allowed only behind (or "never after") a step that provides `earlier`.

    Without a word it applies to all steps; one that ends with a space stands for all that begin so. `name` says in an
    error what is missing or in the way. `harm` marks what would not fail, but change the lab.
    """

    applies_to: str
    relation: Literal["needs", "never after"]
    earlier: tuple[str, ...]
    name: str
    reason: str
    own_user: bool = False  # only behind a user namespace of its own
    shared_user: bool = False  # only where there is none yet
    once: str = ""  # only behind a step that provides this
    harm: bool = False

    def words_of(self, needs: frozenset[str]) -> list[str]:
        """The words among a step's needs to which the rule applies."""
        if self.applies_to in needs or not self.applies_to:
            return [self.applies_to]
        return [word for word in needs if word.startswith(self.applies_to)] if self.applies_to[-1] == " " else []

    def broken_by(self, needs: frozenset[str], provided: frozenset[str]) -> bool:
        """Whether a step that needs these words may not come behind steps that provide those."""
        words = self.words_of(needs)
        own_user = "own user" in provided
        if not words or (self.own_user and not own_user) or (self.shared_user and own_user):
            return False
        if self.once and self.once not in provided:
            return False
        met = not provided.isdisjoint(self.earlier or words)
        return met == (self.relation == "never after")


@dataclass(frozen=True)
class Refusal:
    """Step number `index` of a list would not work there, for `reason`; `needs` names what it lacks, if anything."""

    index: int
    step: Step
    reason: str
    needs: str = ""
    kind: str = ""  # the namespace kind that would be changed in the lab itself

    def __str__(self) -> str:
        return f"step {self.index + 1}, {self.step.title}{', ' if self.needs else ': '}{self.advice}"

    @property
    def advice(self) -> str:
        """What is out of order, without the step's name."""
        return f"needs “{self.needs}” before it: {self.reason}" if self.needs else self.reason


OTHERS = ("own mnt", "own uts", "own ipc", "own net", "own pid")
ORDER = (
    Rule("", "never after", ("exec",), "exec", "after exec the process is the program: it obeys no more"),
    Rule(
        "no world yet",
        "never after",
        ("change",),
        "a step that acts",
        "the user namespace comes first: it gives the power over the others (EPERM otherwise)",
    ),
    Rule(
        "no world yet",
        "never after",
        OTHERS,
        "another namespace",
        "the user namespace comes first: it has no power over namespaces older than itself (EPERM)",
    ),
    Rule("no world yet", "never after", ("chroot",), "chroot", "no user namespace for a process in a chroot (EPERM)"),
    Rule(
        "user namespace to map",
        "needs",
        ("own user",),
        "user namespace",
        "ids are mapped from one user namespace to another (EPERM)",
    ),
    Rule("no id maps yet", "never after", ("id maps",), "id maps", "each map is written once (EPERM)"),
    Rule(
        "mapped ids",
        "needs",
        ("id maps",),
        "id maps",
        "an id that is not mapped cannot be taken (EINVAL)",
        own_user=True,
    ),
    Rule(
        "capabilities at exec",
        "needs",
        ("id maps",),
        "id maps",
        "without maps, exec takes every capability away",
        own_user=True,
    ),
    Rule(
        "PID namespace to show",
        "needs",
        ("own pid",),
        "PID namespace",
        "/proc shows a PID namespace, which must be one's own (EPERM)",
        own_user=True,
    ),
    Rule(
        "network namespace to show",
        "needs",
        ("own net",),
        "network namespace",
        "/sys shows a network namespace, which must be one's own (EPERM)",
        own_user=True,
    ),
    Rule(
        "old proc and sys",
        "never after",
        ("pivot_root",),
        "pivot_root",
        "the kernel wants to see the old one while a new one is mounted (EPERM)",
        own_user=True,
    ),
    Rule(
        "files of the host",
        "never after",
        ("pivot_root",),
        "pivot_root",
        "what it shows of the host is gone with the old root (ENOENT)",
    ),
    Rule(
        "new root's folder",
        "never after",
        ("new root is /",),
        "pivot_root",
        f"{ROOT} has become / by then, and there is no other (ENOENT)",
    ),
    Rule(
        "files of the host",
        "needs",
        ("id maps",),
        "id maps",
        "a file cannot belong to an id that is not mapped (EOVERFLOW)",
        own_user=True,
    ),
    Rule(
        "folder in the new root",
        "needs",
        ("new root",),
        "file system of its own",
        "the folder for it is made in the new root (EACCES)",
    ),
    Rule(
        "new root to protect",
        "needs",
        ("new root",),
        "file system of its own",
        "only what is a mount can be made read-only (EINVAL)",
    ),
    Rule(
        "/proc in the new root",
        "needs",
        (f"mount at {ROOT}/proc",),
        "new /proc",
        "without it a mask would cover nothing (ENOENT)",
    ),
    Rule(
        "mounting",
        "never after",
        ("capabilities dropped",),
        "drop capabilities",
        "mounting needs CAP_SYS_ADMIN (EPERM)",
    ),
    Rule("mounting", "never after", ("landlock",), "Landlock", "a process behind Landlock changes no mounts (EPERM)"),
    Rule(
        "privilege",
        "never after",
        ("capabilities dropped",),
        "drop capabilities",
        "it needs a capability that was dropped before (EPERM)",
    ),
    *(
        Rule(
            word,
            "never after",
            ("mounting refused",),
            "filter of system calls",
            "the filter refuses a call that it makes (EPERM): a filter is the last step before exec",
        )
        for word in ("mounting", "privilege")
    ),
    Rule(
        "filter allowed",
        "needs",
        ("no_new_privs",),
        "no_new_privs",
        "without CAP_SYS_ADMIN a filter is for those who can gain no privilege by exec (EACCES)",
        once="capabilities dropped",
    ),
    Rule("interface", "needs", ("interface",), "cable", "no interface of its own has this number yet (ENODEV)"),
    Rule("link that is up", "needs", ("link up",), "link up", "no route leads over a link that is down (ENETUNREACH)"),
    Rule(
        "router in reach",
        "needs",
        ("address",),
        "address",
        "a router is one of the interface's own network, which its address says (ENETUNREACH)",
    ),
    Rule("no mount yet", "never after", ("mount",), "a mount", "the mounts made before it have leaked already"),
    Rule(
        "unshared root",
        "needs",
        ("private mounts",),
        "private mounts",
        "a shared root cannot be swapped (EINVAL)",
        shared_user=True,
    ),
    Rule(
        "mount at ",
        "needs",
        SAME,
        "a mount on the new root",
        "the new root must be a mount point (EINVAL)",
    ),
    *(
        Rule(
            f"own {kind}",
            "needs",
            (f"own {kind}",),
            f"{NAMES[kind]} namespace",
            f"else it changes the lab's own {what}",
            harm=True,
        )
        for kind, what in (("uts", "host name"), ("mnt", "mounts"), ("net", "network"))
    ),
)


def refusals(steps: Iterable[Step], *, shared: Iterable[str] = ()) -> tuple[Refusal, ...]:
    """Which steps of a list would not work where they stand, and why. At most one refusal a step: the first.

    `shared` names kinds that the learner means to share with the lab, whatever a step changes there.
    """
    sequence, meant, found = check_list(steps, "a recipe"), check_list(shared, "what is shared"), []
    for step in sequence:
        refuse_no_step(step)
    provided: frozenset[str] = frozenset()
    for index, step in enumerate(sequence):
        needs = step.needs
        for rule in ORDER:
            if rule.broken_by(needs, provided) and not (rule.harm and step.changes in meant):
                lacking = rule.name if rule.relation == "needs" else ""
                found.append(Refusal(index, step, rule.reason, lacking, step.changes if rule.harm else ""))
                break
        provided |= step.provides
    return tuple(found)
