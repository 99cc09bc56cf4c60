"""The joint semantic tensor: every step of a video with every word of a sentence.

Legend: P pairs, N steps and M words at most, K width of the space they are multiplied in, C of a cell, R real cells.

    t_nm = v_n * w_m;   a_nm = sigmoid(w . D2(t_nm));   J_nm = a_nm D4(D3(t_nm))

Only real cells are computed, so that what pads a pair neither costs anything nor counts in a normalisation's moments.

>>> import torch
>>> made = SemanticTensor(joint=6, width=5, dropout=0.5)(
...     torch.ones(2, 4, 6), torch.ones(2, 3, 6), torch.tensor([4, 2]), torch.tensor([3, 1]), least=(7, 7)
... )
>>> made.shape, int((made != 0).any(1).sum())  # 4 x 3 and 2 x 1 cells are real.
(torch.Size([2, 5, 7, 7]), 14)
"""

from torch import Tensor, nn

from pipeline.networks.parts.dense import Dense
from pipeline.tensors import length_mask, sent_to


class SemanticTensor(nn.Module):
    """See this module's equations."""

    def __init__(self, joint: int, width: int, dropout: float) -> None:
        super().__init__()
        self.gating, self.first, self.second = Dense(joint, width), Dense(joint, width), Dense(width, width)
        self.score = nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, steps: Tensor, words: Tensor, rows: Tensor, columns: Tensor, least: tuple[int, int] = (1, 1)
    ) -> Tensor:
        """J (P, C, N, M), zero outside of each pair's real cells; its memory is that of (P, N, M, C).

        steps: v (P, N, K). words: w (P, M, K). rows, columns: (P,) on the host, how many of each are real. least: of N
        and M, to which J is padded.
        """
        cells = self.cells(steps, words, rows, columns)
        height, width = max(steps.shape[1], least[0]), max(words.shape[1], least[1])
        real = real_cells(rows, columns, height, width)
        if bool(real.all()):
            made = cells.view(len(rows), height, width, -1)
        else:
            (places,) = sent_to(cells.device, real.flatten().nonzero().squeeze(1))
            made = cells.new_zeros(real.numel(), cells.shape[1]).index_copy(0, places, cells)
            made = made.view(len(rows), height, width, -1)
        return made.permute(0, 3, 1, 2)

    def cells(self, steps: Tensor, words: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The real cells alone (R, C): pair by pair, step by step, word by word."""
        products = self._products(steps, words, rows, columns)
        cells: Tensor = self._gates(products) * self.second(self.dropout(self.first(products)))
        return cells

    def looks(self, steps: Tensor, words: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Shares (P, N) that each step has of the gates a_nm of all words."""
        gates = self._gates(self._products(steps, words, rows, columns))
        real = real_cells(rows, columns, steps.shape[1], words.shape[1])
        (places,) = sent_to(gates.device, real.flatten().nonzero().squeeze(1))
        of_steps = gates.new_zeros(real.numel(), 1).index_copy(0, places, gates).view(real.shape).sum(2)
        return of_steps / of_steps.sum(1, keepdim=True)

    def _gates(self, products: Tensor) -> Tensor:
        """The a_nm (R, 1) of real cells' products (R, K)."""
        gates: Tensor = self.score(self.dropout(self.gating(products))).sigmoid()
        return gates

    def _products(self, steps: Tensor, words: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The t_nm (R, K) of real cells."""
        real = real_cells(rows, columns, steps.shape[1], words.shape[1])
        products = (steps.unsqueeze(2) * words.unsqueeze(1)).flatten(0, 2)
        if not bool(real.all()):
            (places,) = sent_to(products.device, real.flatten().nonzero().squeeze(1))
            products = products.index_select(0, places)
        return products


def real_cells(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """(P, height, width) bool, beside ``rows`` (P,) and ``columns`` (P,): the cells of each pair's steps and words."""
    return length_mask(rows, height).unsqueeze(2) & length_mask(columns, width).unsqueeze(1)
