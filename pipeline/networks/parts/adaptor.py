"""The adaptor that maps the pooled features of a cheap front end to those of a full one.

Legend: N rows, Z dimensions of the pooled features, U units.

>>> adaptor = Adaptor(size=4, hidden=6, dropout=0.1, residual=True)
>>> pooled = torch.ones(2, 4)
>>> torch.equal(adaptor(pooled), pooled)  # A residual one starts as the identity.
True
"""

import torch
from torch import Tensor, nn


class Adaptor(nn.Module):
    """A(z): two hidden layers of U units with ReLU and dropout, then a linear one back to Z.

    residual: A(z) = z + those layers, the last of which starts at zero.
    """

    def __init__(self, size: int, hidden: int, dropout: float, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.first = nn.Linear(size, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, size)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.first, self.second, self.last):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        if residual:
            nn.init.zeros_(self.last.weight)

    def forward(self, pooled: Tensor) -> Tensor:
        """Adapted vectors (N, Z) of ``pooled`` (N, Z)."""
        hidden = self.dropout(torch.relu(self.first(pooled)))
        hidden = self.dropout(torch.relu(self.second(hidden)))
        adapted: Tensor = self.last(hidden)
        return pooled + adapted if self.residual else adapted
