"""Exercises of lesson 07: the whole container."""
