"""Dense layers with batch normalisation.

>>> import torch
>>> Dense(6, 3)(torch.ones(4, 6)).shape
torch.Size([4, 3])
"""

from torch import Tensor, nn


class Dense(nn.Module):
    """tanh(BN(W x + b)), rows in, rows out; the normalisation stands behind the affine map.

    Every row counts in the normalisation's moments: give real ones only.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, rows: Tensor) -> Tensor:
        """(R, outputs) of ``rows`` (R, inputs)."""
        values: Tensor = self.norm(self.linear(rows)).tanh()
        return values
