"""The command line: a thin front of the rooms. Every error is one line, and never a traceback."""

from .main import main

__all__ = ["main"]
