"""Which systems must be trained before a system is."""

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from pipeline.config.base import LEARNED_FROM
from pipeline.config.readings import Reading
from pipeline.config.systems import CONCEPTS, DescribedBy

if TYPE_CHECKING:
    from pipeline.config.root import Config

VALIDATION = "validation"
"""The split by which a weight is chosen."""


def needed(config: "Config", name: str) -> list[str]:
    """Systems whose models the training of ``name`` needs, directly or not, each after those it needs itself."""
    order: dict[str, None] = {}
    seen = {name}
    # A chain may be longer than calls can be nested.
    left = [(name, iter(_read(config, name)))]
    while left:
        system, others = left[-1]
        other = next((each for each in others if each not in seen), None)
        if other is None:
            left.pop()
            order[system] = None
        else:
            seen.add(other)
            left.append((other, iter(_read(config, other))))
    del order[name]
    return list(order)


def waiting_for_itself(config: "Config") -> list[str]:
    """Systems of a circle, each of which needs the one after it to be trained, the last the first; none without one."""
    try:
        TopologicalSorter({name: _read(config, name) for name in config.systems}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1][1:]))
    return []


def _read(config: "Config", name: str) -> list[str]:
    """Its teacher, what it starts from, and who writes about the videos it learns from, for it or for its teacher."""
    system = config.systems[name]
    start = None if system.init_from is None else system.init_from.system
    read = [other for other in (system.teacher, start) if other is not None]
    read += [reading.system for reading in read_in_training(config, name)]
    return [other for other in read if other in config.systems]


def read_in_training(config: "Config", name: str) -> list[Reading]:
    """What a system's training reads of what others have written, with its teacher's."""
    system = config.systems[name]
    seen = [system, *([] if system.teacher is None else [config.systems[system.teacher]])]
    read = [reading for each in seen for split in LEARNED_FROM for reading in each.readings("train", split)]
    return list(dict.fromkeys(read))


def read_at_test(config: "Config", name: str, test_set: str) -> list[Reading]:
    """What a system reads of what others have written when it writes for a test set.

    One that answers with another's model is told what its own entry says, and shown the words that model learned with.
    One that rescores has chosen its weight when it wrote for validation; its matcher is shown words too.
    """
    own, (_, trained) = config.systems[name], config.trained(name)
    told, words, rescoring = own.told("test"), trained.shown(), own.rescored_by()
    read = told.readings(test_set) if isinstance(told, DescribedBy) else []
    if words is not None and CONCEPTS not in own.without:
        read += words.readings(test_set)
    if rescoring is not None:
        read += read_at_test(config, rescoring.system, test_set)
        read += [] if test_set == VALIDATION else [Reading(name, VALIDATION)]
    return list(dict.fromkeys(read))
