"""Exercises of lesson 05: networks."""
