"""Lesson 09: virtual machine or container."""
