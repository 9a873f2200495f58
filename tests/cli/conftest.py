"""The command line in the process of the tests: without the time that an interpreter takes to start."""

from __future__ import annotations

import subprocess

import pytest
from entry import Here

from pyctr_lab import cli


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Here:
    """As `lab` of entry.py. What a container writes goes to the descriptors that capfd holds."""

    def carried_out(*words: str) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        status = cli.main(words)
        return subprocess.CompletedProcess(words, status, *capfd.readouterr())

    return carried_out
