"""The doctor: what this machine can do for the course, what is missing, why, and the one command that mends it."""

from __future__ import annotations

from .diagnosis import Diagnosis
from .examination import Examination, examine
from .machine import ExaminedMachine

__all__ = ["Diagnosis", "Examination", "ExaminedMachine", "examine"]
