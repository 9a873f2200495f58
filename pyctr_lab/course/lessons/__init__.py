"""The exercises of all lessons."""
