"""Exercises."""

from ..exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
