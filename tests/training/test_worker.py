"""One of several processes."""

import pytest
import torch

from pipeline.training.worker import share_threads


@pytest.mark.parametrize(("processes", "expected"), [(2, 3), (4, 1), (16, 1)])
def test_threads_are_shared_out(processes: int, expected: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(6)
        share_threads(processes)
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
