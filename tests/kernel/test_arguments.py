"""Arguments print as strace prints them, and remember what they are made of."""

from __future__ import annotations

from pyctr_lab.kernel.arguments import Ref, Spelled, Struct, octal, quoted, spell


def test_a_structure_remembers_its_fields() -> None:
    fields = Struct(a=1, b=None)
    assert fields == (1, None) and repr(fields) == "{a=1, b=NULL}" and fields.fields == ("a", "b")


def test_quotes_as_c_does() -> None:
    assert quoted(b'\x01\x7f\xff"\\\r\v\f az~') == r'"\1\177\377\"\\\r\v\f az~"'


def test_each_kind_of_argument() -> None:
    assert spell(None) == "NULL" and spell(5) == "5" and spell("a\n") == r'"a\n"' and spell(b"\0") == r'"\0"'
    assert spell(("sh", "-c", None)) == '["sh", "-c"]', "the end of argv goes without saying"
    assert spell(Ref("fd")) == "fd" and spell(octal(0o755)) == "0755"
    assert spell(Spelled(b"\1\2", "{x=513}")) == "{x=513}" and bytes(Spelled(b"\1", "x")) == b"\1"
