"""What a network sees of a batch.

Legend: B dialogs, T turns in all of them (the rows), P question-answer pairs of history, J pairs at most in one
turn's history, Lq question length, Lp pair length, L feature steps, D feature dimensions.

A dialog of three turns and its video of four steps; the second turn looks back on pair 0, the third on both:

>>> import torch
>>> inputs = Inputs(
...     questions=Sequences(torch.tensor([[5, 6], [7, 0], [5, 8]]), torch.tensor([2, 1, 2])),
...     pairs=Sequences(torch.tensor([[5, 6, 9, 3], [7, 4, 3, 0]]), torch.tensor([4, 3])),
...     history=torch.tensor([[-1, -1], [0, -1], [0, 1]]),
...     features={"i3d_rgb": FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))},
...     dialog=torch.tensor([0, 0, 0]),
... )
>>> inputs.questions.mask().tolist()
[[True, True], [True, False], [True, True]]
"""

from dataclasses import dataclass, field

from torch import Tensor

from pipeline.tensors import ON_HOST, FeatureSequences, Sequences, TensorGroup


@dataclass(frozen=True)
class Inputs(TensorGroup):
    """One view of a batch: what one network sees of it.

    questions: (T, Lq), the description's words already in front where the view has one.
    pairs: (P, Lp), each history pair once: question and answer as one sentence, `<eos>` at its end (choice 10).
        P may be 0 (then ids is (0, 1)).
    history: (T, J) int64 on the host, the pairs before each turn, oldest first, -1 where there are fewer; J may be 0.
    features: by name, (B, L, D): a dialog's video once for all its turns.
    dialog: (T,) int64, the dialog (0..B-1) of each turn.
    concepts: (B, K) word ids of concepts that each dialog's video shows, most likely first; None where the view has
        none.
    """

    questions: Sequences
    pairs: Sequences
    history: Tensor = field(metadata=ON_HOST)
    features: dict[str, FeatureSequences]
    dialog: Tensor
    concepts: Sequences | None = None
