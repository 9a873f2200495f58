"""Lesson 04: control groups."""
