"""A sandbox for other people's engines: a world carried by a launcher, and a program in it that yields rows."""

from .furnish import WORK
from .sandbox import Sandbox, make_calls

__all__ = ["WORK", "Sandbox", "make_calls"]
