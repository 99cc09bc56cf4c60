"""Compact bilinear pooling: the outer product of two vectors, sketched.

Gao et al., "Compact Bilinear Pooling" (CVPR 2016); Fukui et al. (EMNLP 2016). Pham and Pagh (2013): the count sketch of
an outer product is the circular convolution of the two count sketches, and that a product of spectra.

Legend: P rows, D values of a side, Z values of the sketch.

    psi(x)[z] = sum of s_d x_d over d with h_d = z;   nu = IFFT(FFT(psi_1(x)) FFT(psi_2(y)))

h and s are drawn once, from a fixed seed, and kept with the weights. Over the draws E <nu(x, y), nu(x', y')> is
<x, x'> <y, y'>.

>>> pooling = CompactBilinear(5, 64)
>>> pooling.joined(pooling.spectrum(torch.rand(3, 5), 0), pooling.spectrum(torch.rand(3, 5), 1)).shape
torch.Size([3, 64])
"""

import torch
from torch import Tensor, nn

from pipeline.tensors import full_precision

SEED = 2017


class CompactBilinear(nn.Module):
    """See this module's equations."""

    def __init__(self, width: int, size: int, seed: int = SEED) -> None:
        super().__init__()
        # Drawn on the host, whatever device the network is made on: the same numbers everywhere.
        draws = torch.Generator(device="cpu").manual_seed(seed)
        host = {"generator": draws, "device": "cpu"}
        self.size = size
        self.register_buffer("places", torch.randint(size, (2, width), **host))  # type: ignore[call-overload]
        self.register_buffer("signs", 2.0 * torch.randint(2, (2, width), **host) - 1)  # type: ignore[call-overload]

    def spectrum(self, values: Tensor, side: int) -> Tensor:
        """FFT(psi(x)) (P, Z // 2 + 1), complex, of ``values`` (P, D); side: 0 or 1."""
        values = full_precision(values)
        signed = values * self.get_buffer("signs")[side]
        sketch = values.new_zeros(len(values), self.size).index_add(1, self.get_buffer("places")[side], signed)
        spectrum: Tensor = torch.fft.rfft(sketch)
        return spectrum

    def joined(self, one: Tensor, other: Tensor) -> Tensor:
        """The product nu (P, Z) of two sides' spectra."""
        joined: Tensor = torch.fft.irfft(one * other, n=self.size)
        return joined
