"""Lists of calls as they lie in memory, read back as the loop would read them; no call is made."""

from __future__ import annotations

import ctypes

import pytest

from pyctr_lab.launcher.layout import CLOCK, ENTRY, FINE, RESULT, ROOM, WORD, Block, Call, Laid, changed, word

KEPT: list[Call] = [(257, (-100, "/a", 0), (), "fd", -1), (3, (["fd"],), (9, 127), "", -1)]


def laid(before: tuple[Call, ...] = (), behind: tuple[Call, ...] = ((59, ("/bin/true",), (), "", -1),)) -> Laid:
    made = Laid(KEPT, len(before), len(behind))
    made.fill(before, list(behind), {"stdin": 7})
    return made


def read(address: int) -> int:
    return ctypes.c_long.from_address(address).value


def entry(made: Laid, number: int) -> list[int]:
    """The words of an entry, from the first, that of clone3."""
    start = made.start + WORD * ENTRY * number
    return [read(start + WORD * place) for place in range(ENTRY)]


def test_a_call_has_its_number_and_where_its_arguments_are() -> None:
    made = laid()
    number, *places = entry(made, 1)
    folder, path, flags, *rest = map(read, places[:6])
    assert (number, folder, flags, rest) == (257, -100, 0, [0, 0, 0])
    assert ctypes.string_at(path) == b"/a"


def test_a_result_is_where_the_later_call_looks() -> None:
    made = laid()
    assert entry(made, 2)[1] == made.start + WORD * (ENTRY + RESULT)


def test_errnos_that_are_fine_are_bits_of_two_words() -> None:
    low, high = (each & (1 << 64) - 1 for each in entry(laid(), 2)[FINE : FINE + 2])
    assert (low, high) == (1 << 9, 1 << 63)


def test_what_stands_before_moves_the_beginning_and_nothing_else() -> None:
    made, plain = laid(before=((39, (), (), "", -1), (59, (["stdin"],), (), "", -1))), laid()
    assert [entry(made, number)[0] for number in range(1, 6)] == [39, 59, 257, 3, 59]
    assert read(entry(made, 2)[1]) == 7
    assert [entry(plain, number)[0] for number in range(1, 4)] == [257, 3, 59]


def test_a_name_means_the_last_result_of_that_name() -> None:
    made = laid(before=((41, (), (), "fd", -1), (3, (["fd"],), (), "", -1)))
    assert entry(made, 2)[1] == made.start + WORD * (ENTRY + RESULT), "before the list its own"
    assert entry(made, 4)[1] == made.start + WORD * (3 * ENTRY + RESULT), "and in the list the list's"


def test_it_is_filled_anew_each_time() -> None:
    made = laid(behind=((59, ("/bin/one",), (), "", -1), (60, (1,), (), "", -1)))
    made.fill((), [(59, ("/bin/two",), (), "", -1)], {})
    assert ctypes.string_at(read(entry(made, 3)[1])) == b"/bin/two"
    assert len(made.collect()[0]) == WORD * 4
    with pytest.raises(KeyError):
        made.fill((), [(3, (["stdin"],), (), "", -1)], {})


def test_there_is_room_for_more_than_usual() -> None:
    many = tuple((39, (), (), "", -1) for _ in range(ROOM + 5))
    made = laid(before=many, behind=many)
    assert len(made.collect()[0]) == WORD * (1 + len(many) + len(KEPT) + len(many))


def test_what_was_written_to_is_told_once_and_is_as_it_was() -> None:
    made = Laid([(63, (bytes(4),), (), "", -1)], 0, 1)
    made.fill((), [(59, ("/bin/true",), (), "", -1)], {})
    ctypes.memmove(read(entry(made, 1)[1]), b"said", 4)
    assert made.collect()[2:] == [(1).to_bytes(WORD, "little") + b"said"]
    assert made.collect()[2:] == []


def test_the_kernel_says_when_nobody_shares_it_any_more() -> None:
    made = laid()
    assert not made.shared
    where = made.share()
    assert made.shared
    ctypes.c_int.from_address(where).value = 0  # as CLONE_CHILD_CLEARTID does
    assert not made.shared


def test_results_and_times_are_read_from_their_places() -> None:
    made = laid()
    ctypes.c_long.from_address(made.start + WORD * (2 * ENTRY + RESULT)).value = -9
    ctypes.c_long.from_address(made.start + WORD * (2 * ENTRY + CLOCK)).value = 77
    results, times = (memoryview(each).cast("q").tolist() for each in made.collect())
    assert (results[2], times[2]) == (-9, 77)


def test_a_structure_holds_addresses_of_what_it_points_to() -> None:
    memory: list[Block] = []
    at = word((1, "text", (2,)), {}, memory)
    one, text, inner = (read(at + WORD * place) for place in range(3))
    assert (one, ctypes.string_at(text), read(inner)) == (1, b"text", 2)
    assert changed(memory) == []
