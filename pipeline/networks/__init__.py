"""Dialog networks: pure tensors, no files. `pipeline.networks.registry` builds one from its name.

The examples in these modules run as tests.

>>> from pipeline.networks.registry import build_network
>>> from pipeline.networks.sizes import SIZES
>>> import torch
>>> for name, sizes in SIZES.items():
...     dims = 2048 * 7 * 7 if name == "tracing" else 2048
...     with torch.device("meta"):  # Counted, not made.
...         network = build_network(name, sizes(), 100, {"i3d_r50": dims}, history=False)
...     print(name, sum(parameter.numel() for parameter in network.parameters()))
attention 5273124
naive_fusion 2008324
hierarchical 3525476
captioner 85453748
jsfusion 19438644
jsfusion_fill 67820951
tracing 14275601
temporal 2139740
ct_san 7517400
ct_san_fill 14035900
ct_san_choose 7567800
ct_san_find 31321300
"""
