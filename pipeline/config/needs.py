"""Which systems must be trained before a system is."""

from typing import TYPE_CHECKING

from pipeline.config.base import LEARNED_FROM
from pipeline.config.systems import Reading

if TYPE_CHECKING:
    from pipeline.config.root import Config


def needed(config: "Config", name: str) -> list[str]:
    """Systems whose models the training of ``name`` needs, directly or not, each after those it needs itself.

    ``name`` is among them where its training would wait for itself.
    """
    seen: set[str] = set()
    order: list[str] = []

    def visit(system: str) -> None:
        for other in _read(config, system):
            if other not in seen:
                seen.add(other)
                visit(other)
                order.append(other)

    visit(name)
    return order


def _read(config: "Config", name: str) -> list[str]:
    """Its teacher, what it starts from, and who describes the videos it learns from, to it or to its teacher."""
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
