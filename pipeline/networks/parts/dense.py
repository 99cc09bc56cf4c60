"""Dense layers with batch normalisation.

>>> Dense(6, 3)(torch.ones(4, 6)).shape
torch.Size([4, 3])
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dense(nn.Module):
    """tanh(BN(W x + b)), rows in, rows out; the normalisation stands behind the affine map.

    Every row counts in the normalisation's moments: give real ones only. They are moments of the rows that are computed
    together: of a process's share of a batch, or of a part of one that is halved for memory. One row alone has none of
    its own, so in training too it is normalised by those of the rows before, and leaves them as they are.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, rows: Tensor) -> Tensor:
        """(R, outputs) of ``rows`` (R, inputs)."""
        values, norm = self.linear(rows), self.norm
        if len(rows) == 1 and self.training:
            moments = norm.running_mean, norm.running_var
            normed = functional.batch_norm(values, *moments, norm.weight, norm.bias, False, 0.0, norm.eps)
        else:
            normed = norm(values)
        return torch.tanh(normed)
