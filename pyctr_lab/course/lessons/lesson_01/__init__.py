"""Lesson 01: the kernel and its processes."""
