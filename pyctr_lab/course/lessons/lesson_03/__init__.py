"""Lesson 03: namespaces."""
