"""The doctor: what this machine can do for the course, what is missing, and the one command that mends it."""

from .examination import Examination, Finding, Machine, examine

__all__ = ["Examination", "Finding", "Machine", "examine"]
