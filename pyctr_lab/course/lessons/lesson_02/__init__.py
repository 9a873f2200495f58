"""Lesson 02: virtual machines."""
