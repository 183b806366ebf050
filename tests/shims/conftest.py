"""The shims are copied into other people's trees; here they are imported from where they are kept."""

import sys
from pathlib import Path

import pytest

SHIMS = Path(__file__).parents[2] / "recipes" / "shims"
sys.path.insert(0, str(SHIMS))


@pytest.fixture(autouse=True)
def one_thread_and_a_fixed_seed():
    """Small tensors gain nothing from threads, and a case must not depend on the cases before it."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
