"""Lesson 06: images and layers."""
