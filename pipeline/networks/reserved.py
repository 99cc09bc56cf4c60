"""Names that an input of a network cannot have, without torch, so that they are found before anything is decoded.

Networks keep a part for each feature under the feature's name, beside what torch's container and they themselves have
under theirs. A test compares the list with torch.
"""

import re

INPUTS = frozenset({"question", "history", "concepts"})
"""Inputs that are no features."""
TORCH = frozenset((
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "clear",
    "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer",
    "get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "items", "keys", "load_state_dict",
    "modules", "mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters", "pop",
    "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter", "register_state_dict_post_hook",
    "register_state_dict_pre_hook", "requires_grad_", "set_extra_state", "set_submodule", "share_memory",
    "state_dict", "to", "to_empty", "train", "training", "type", "update", "values", "xpu", "zero_grad",
))  # fmt: skip
"""What torch's container of parts has itself."""
_NAME = re.compile(r"[A-Za-z]\w*")


def can_name_an_input(feature: str) -> bool:
    """Whether a network may see a feature of this name.

    >>> can_name_an_input("i3d_rgb"), can_name_an_input("2024"), can_name_an_input("keys")
    (True, False, False)
    """
    return _NAME.fullmatch(feature) is not None and feature not in INPUTS | TORCH
