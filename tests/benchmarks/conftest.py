"""Benchmarks run in a process that keeps its pages, as the command line and its workers do.

Both sides of every ratio gain from it, and it spares them the kernel's clearing of pages, whose
time depends on what else the machine does.
"""

from __future__ import annotations

import pytest

from lens_pipeline import keep_pages


@pytest.fixture(autouse=True, scope="session")
def _pages_kept() -> None:
    keep_pages()
