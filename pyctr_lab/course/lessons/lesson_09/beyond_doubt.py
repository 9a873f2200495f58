"""Exercise 9.1: slower each time, now and then, or as quick; graded by the work that the jobs were made to do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ...grading import Choices, Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit.choices import chosen_for, unnamed
from ..kit.timed_jobs import TimedJob, Wire

QUICK, SLOWER, NOW = KINDS = ("as quick", "slower", "now and then")
BLOCK = 6  # runs, of which a job of the kind NOW has one that takes long
BLOCKS = 20  # until the plan begins again


class BeyondDoubt(Exercise):
    """Jobs to be run and timed: some do more work each time, some now and then, some the same."""

    id = "9.1"
    title = "A difference, or bad luck?"
    question = """Six jobs are waiting in {box}: {base}, and {others}. ground.held["{base}"].run() runs one of them once
    and returns the milliseconds of processor time that it took. Compare the five with {base}: which are "as quick",
    which are "slower" each time, and which are slower only "now and then"?"""
    wants = Choices('a dict: for each of the five "as quick", "slower" or "now and then"', "...", choices=KINDS)
    hints = (
        """One run is one value. Run each job often: [ground.held["{base}"].run() for _ in range(40)]. How often until
        the greatest of them no longer grows?""",
        """Sort the values of each job. What takes longer each time shows in the least of them; what takes longer now
        and then does not show in the least, nor in the median, but near the greatest. No two lists are alike to the
        last digit, and that is no difference yet.""",
        """With all = sorted(...) of 40 runs: "slower" where all[0] is twice {base}'s or more, else "now and then" where
        all[-4] is five times all[0] or more (a hiccup of the machine itself does not come four times).""",
    )
    misconceptions = (
        Misconception(
            believes="The median says it all.",
            explains=(3,),
            message="""You call quick what takes long now and then. The median of such a job is that of a quick one,
            for most of its runs are quick. What comes once in several runs is at the end of the sorted list, not in its
            middle.""",
            sign=lambda view, answer: told(view, answer, NOW) == {QUICK} and told(view, answer, SLOWER) == {SLOWER},
            act=lambda ground: as_told(ground, lambda kind: QUICK if kind == NOW else kind),
        ),
        Misconception(
            believes="The larger mean, or the greatest value, is the slower job.",
            explains=(2, 3),
            message="""Some that you call slower are so in a few runs only. These few lift the mean, and one of
            them is the greatest value; the least value is like that of the quick ones.""",
            sign=lambda view, answer: told(view, answer, NOW) == {SLOWER},
            act=lambda ground: as_told(ground, lambda kind: SLOWER if kind == NOW else kind),
        ),
        Misconception(
            believes="One run tells how quick a job is.",
            explains=(2, 3),
            message="""Two of the jobs are of one kind, and you have given them two. That is what a single run of each
            shows: one happens to meet a long run, the other does not.""",
            sign=lambda view, answer: told(view, answer, NOW) == {QUICK, SLOWER},
            act=lambda ground: {**as_told(ground, lambda kind: QUICK if kind == NOW else kind), some(ground): SLOWER},
        ),
        Misconception(
            believes="No two jobs take the same time, so all are quicker or slower.",
            explains=(2,),
            message="""You call slower what does the very same work as the job to compare with. Its values differ as
            those of any two lists do. A difference that is smaller than the spread of either is none.""",
            sign=lambda view, answer: SLOWER in told(view, answer, QUICK),
            act=lambda ground: as_told(ground, lambda kind: SLOWER if kind == QUICK else kind),
        ),
        Misconception(
            believes="What is above the quick job's greatest value is an exception.",
            explains=(2, 3),
            message="""Some that you call slower now and then are so in every run: even the least of their values is
            far above a quick one's. An exception has a rule beside it.""",
            sign=lambda view, answer: told(view, answer, SLOWER) == {NOW},
            act=lambda ground: as_told(ground, lambda kind: NOW if kind == SLOWER else kind),
        ),
    )
    after = """The least value has what is there each time, the end of the list what comes now and then; a median or a
    mean alone has lost one of the two."""
    asks_about = "held"
    names = ("count", "filter", "index", "merge", "pack", "render", "sort", "workbench")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 6)
        kinds = [NOW, NOW, SLOWER, QUICK, random.choice((SLOWER, QUICK))]
        made = dict(zip(names[1:], kinds, strict=True))
        others = ", ".join(sorted(names[1:]))
        rounds = {QUICK: 1, SLOWER: random.randint(4, 6), NOW: random.randint(20, 30)}
        places = [random.randrange(BLOCK) for _ in range(BLOCKS)]
        return {"box": self.names[-1], "base": names[0], "others": others, "made": made, "rounds": rounds,
                "places": places}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        wire = Wire(self.id)
        jobs = sorted([ground.values["base"], *ground.values["made"]])
        ground.held.update({name: TimedJob(name, wire) for name in jobs})
        plan = {name: rounds_of(ground.values, name) for name in jobs}
        ground.programs["jobs"] = wire.start(ground.add(ground.values["box"]), plan)

    def teardown(self, ground: Ground) -> None:
        for job in ground.held.values():
            job.close()

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, made = chosen_for(answer), view.values["made"]
        said.pop(view.values["base"], None)  # a loop over all of them names it, too
        return [
            Requirement(
                name="each of the five has one of the three words",
                met=said.keys() == made.keys(),
                observed=unnamed(said, made) or "all five have one",
                expected=f"a word for each of {view.values['others']}, and for no other",
                why="a job that was left out has not been compared",
                look="the names in the question",
                given=True,  # naming them all is no step towards the solution
            ),
            *(
                Requirement(
                    name=f"the jobs that are {words} are named",
                    met=those(said, kind) == those(made, kind),
                    observed=count_words(said, made, kind),
                    expected=expected,
                    why=why,
                    look=look,
                )
                for kind, words, expected, why, look in (
                    (SLOWER, "slower each time", "the jobs that do more work in every run, and no others",
                     "a cost that comes each time is paid by every user", "the least value of many runs of each"),
                    (NOW, "slower now and then", "the jobs that do more work in some runs only, and no others",
                     "a cost that comes now and then is in no median, and each time a user waits for it",
                     "the values next to the greatest, of forty runs or more"),
                )
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        base, kinds = ground.values["base"], {}
        took = {name: sorted(job.run() for _ in range(40)) for name, job in ground.held.items()}
        for name in took.keys() - {base}:
            kinds[name] = "as quick"
            if took[name][0] > 2 * took[base][0]:
                kinds[name] = "slower"
            elif took[name][-4] > 5 * took[name][0]:
                kinds[name] = "now and then"
        return kinds


def rounds_of(values: Values, name: str) -> list[int]:
    """The rounds of work of each run of a job, in turn. Of the two of the kind NOW, one begins with a long run."""
    kind, rounds = values["made"].get(name, QUICK), values["rounds"]
    if kind != NOW:
        return [rounds[kind]]
    first = name == next(job for job, its in values["made"].items() if its == NOW)
    places = [0 if first else 3, *values["places"][1:]]
    return [rounds[NOW] if run == place else rounds[QUICK] for place in places for run in range(BLOCK)]


def those(kinds: dict[str, str], kind: str) -> set[str]:
    """The jobs of one kind."""
    return {name for name, its in kinds.items() if its == kind}


def told(view: KernelView, answer: Submission, kind: str) -> set[str]:
    """The words of an answer for the jobs of a kind; an empty word for a job that it leaves out."""
    said = chosen_for(answer)
    return {said.get(name, "") for name in those(view.values["made"], kind)}


def as_told(ground: Ground, change: Callable[[str], str]) -> dict[str, str]:
    """The kinds as a learner sees them who takes one for another."""
    return {name: change(kind) for name, kind in ground.values["made"].items()}


def some(ground: Ground) -> str:
    """One of the jobs that take long now and then."""
    return min(those(ground.values["made"], NOW))


def count_words(said: dict[str, str], made: dict[str, str], kind: str) -> str:
    """How many are called so, and how many are: which ones is the question."""
    named, true = those(said, kind), those(made, kind)
    right = len(named & true)
    given = f"measured by the work that was given to them, {len(true)} of the five are"
    return f'you call {len(named)} "{kind}", {right} of them rightly; {given}'
