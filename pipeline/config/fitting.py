"""Whether the parts of a configuration fit together."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.config.frame_features import MappedFeature
from pipeline.config.needs import waiting_for_itself
from pipeline.config.places import first_of, meant
from pipeline.config.systems import CONCEPTS, REPRESENTING, DescribedBy, System
from pipeline.names import listed
from pipeline.networks.reserved import can_name_an_input
from pipeline.networks.sizes import SIZES, CaptionerSizes

if TYPE_CHECKING:
    from pipeline.config.root import Config


def check(config: "Config") -> None:
    """Raises `ValueError` naming the key that names nothing, or does not go with another one."""
    _known("run", config.run, config.systems, "systems")
    for name, system in config.systems.items():
        _check_others(config, name, system)
        _known(f"systems.{name}.features", system.features, config.features, "features")
        for feature in system.features:
            if not can_name_an_input(feature):
                raise ValueError(
                    f"systems.{name}.features: {feature!r} cannot name an input of a network; use letters, digits and "
                    "'_', a letter in front, and no name that the network or torch has itself"
                )
        _check_start(config, name, system)
        _check_rescoring(config, name, system)
        _check_inputs(config, name)
        _check_grid(config, name)
        _check_loss(config, name, system)
    _check_order(config)
    _known("matching.run", config.matching.run, config.systems, "systems")
    for name in config.matching.run:
        if config.systems[name].describes:
            raise ValueError(f"matching.run: {name!r} describes videos, which has no table there; name it in run")
    for name in (*config.run, *config.matching.run):
        # What the default systems beside the run lose, a configuration laid over it need not have given their model.
        _check_without(config, name, () if name in config.run else config.features)
        _check_readings(config, name)
    for key, system_name in (("scoring.against", config.scoring.against), ("report.explain", config.report.explain)):
        _known(key, [] if system_name is None else [system_name], config.systems, "systems")
    _known("extract", config.extract, config.features, "features")


def _known(key: str, names: Iterable[str], there: Collection[str], section: str) -> None:
    for name in names:
        if name not in there:
            raise ValueError(f"{key}: {name!r} is not in {section}{meant(name, list(there))}")


def _check_order(config: "Config") -> None:
    circle = waiting_for_itself(config)
    if not circle:
        return
    name, other = circle[0], circle[1 % len(circle)]
    system = config.systems[name]
    start = None if system.init_from is None else system.init_from.system
    words = system.shown()
    read = [] if words is None else [reading.system for reading in words.readings("training")]
    otherwise = "concepts.system" if other in read else "description.train.system"
    key = {start: "init_from.system", system.teacher: "teacher"}.get(other, otherwise)
    raise ValueError(f"systems.{name}.{key}: its training would wait for itself ({listed([*circle, name])})")


def _check_others(config: "Config", name: str, system: System) -> None:
    """Whether the teacher, and the system whose model is tested, can be that."""
    start = None if system.init_from is None else system.init_from.system
    for key, other in {"teacher": system.teacher, "model": system.model, "init_from.system": start}.items():
        if other is None:
            continue
        _known(f"systems.{name}.{key}", [other], config.systems, "systems")
        found = config.systems[other]
        if found.model is not None:
            raise ValueError(f"systems.{name}.{key}: {other!r} has no model of its own")
        refused = {"model": system.refuses(found), "teacher": System.refuses(system, found)}.get(key)
        if refused is not None:
            raise ValueError(f"systems.{name}.{key}: {other!r} {refused}")
        if key == "model" and (said := system.otherwise(found)) is not None:
            raise ValueError(
                f"systems.{name}.{said}: says otherwise than {other!r}, whose model it has; leave it out, or give "
                "network instead of model (inputs are taken away by without)"
            )
        if key == "model" and system.ensemble and len(config.members(name)) == 1:
            raise ValueError(f"systems.{name}.ensemble: {other!r} has one seed; give it several (seeds)")
        if key == "model" and system.ensemble and found.needs != "generate":
            raise ValueError(f"systems.{name}.ensemble: of systems that write word by word alone, not of {found.task}")
        if key == "teacher" and found.teacher is not None:
            raise ValueError(f"systems.{name}.teacher: {other!r} is itself a student")


def _check_rescoring(config: "Config", name: str, system: System) -> None:
    """Whether what puts answers in order again can score them."""
    rescoring = system.rescored_by()
    if rescoring is None:
        return
    key = f"systems.{name}.rescore.system"
    _known(key, [rescoring.system], config.systems, "systems")
    if not config.systems[rescoring.system].chooses:
        task = config.systems[rescoring.system].task
        raise ValueError(f"{key}: {rescoring.system!r} scores no answers (task: {task}); name one with task: choose")


def _check_start(config: "Config", name: str, system: System) -> None:
    """Whether it starts from one thing alone, and a pretraining on captions can be and has what the network sees."""
    start = system.init_from
    if start is None:
        return
    taught = system.teacher is not None and system.loss not in REPRESENTING
    if taught and config.training_of(name).student_from_teacher:
        raise ValueError(
            f"systems.{name}.init_from: training.student_from_teacher starts it from its teacher instead; give one of "
            "the two (init_from: null, or training: {student_from_teacher: false})"
        )
    _known(f"systems.{name}.init_from.npy", start.npy, system.features, "the system's features")
    # An entry with `model` is not trained: it says again what that one starts from.
    if start.captions is None or system.network is None:
        return
    key, sizes = f"systems.{name}.init_from.captions", config.sizes(name)
    instead = "start it from another system (init_from.system) or from a model's folder"
    if not system.learns_captions:
        raise ValueError(f"{key}: systems with task {system.task} cannot be pretrained on captions; {instead}")
    if sizes.takes_concepts:
        raise ValueError(f"{key}: {system.network} reads concept words, and nobody has found any there; {instead}")
    if not start.npy and not (sizes.takes_question and (system.asked or system.needs == "fill")):
        raise ValueError(
            f"systems.{name}.init_from.npy: without features it learns nothing; give those of the captions' videos"
        )
    try:
        system.pretrained()
    except ValidationError as error:
        raise ValueError(f"{key}: {first_of(type(system), error.errors(include_url=False))}") from None


def _check_inputs(config: "Config", name: str) -> None:
    """Whether the network of the system ``name`` reads what it is given."""
    model, trained = config.trained(name)
    kind = type(config.sizes(model))
    if kind.can != trained.needs:
        able = listed(each for each, sizes in SIZES.items() if sizes.can == trained.needs)
        raise ValueError(f"systems.{name}.network: {trained.network} does not go with task {trained.task} ({able} do)")
    if trained.looks_back() and not kind.takes_history:
        raise ValueError(f"systems.{name}.history: {trained.network} has no encoder for the dialog so far")
    if trained.asked and not kind.takes_question:
        raise ValueError(f"systems.{name}.network: {trained.network} reads no question: it goes with task: describe")
    words, sizes = trained.shown(), config.sizes(model)
    attended = words is not None and words.place == "modality"
    if attended and not kind.attends_concepts:
        such = [each for each, other in SIZES.items() if other.attends_concepts and other.can == trained.needs]
        fitting = listed(each for each in such if SIZES[each].takes_question or not trained.asked)
        raise ValueError(
            f"systems.{name}.concepts.place: {trained.network} attends to no concept words (such do: {fitting}); give "
            "question where one is asked"
        )
    if attended and getattr(sizes, "semantic", True) is False:
        raise ValueError(f"systems.{name}.concepts: with sizes {{semantic: false}} the network reads no concept words")
    if sizes.takes_concepts and not attended:
        raise ValueError(
            f"systems.{name}.network: {trained.network} reads concept words, and the entry shows it none; give "
            "concepts {system: a detector}, or sizes {semantic: false}"
        )


def _check_grid(config: "Config", name: str) -> None:
    """Whether a network of places reads maps of as many cells as its features have, where that is known."""
    model, trained = config.trained(name)
    grid: tuple[int, int] | None = getattr(config.sizes(model), "grid", None)
    if grid is None:
        return
    for feature in trained.features:
        settings = config.features[feature]
        shape = settings.map_shape() if isinstance(settings, MappedFeature) else None
        if shape is not None and shape[:2] != grid:
            here, there = (f"{rows} x {columns}" for rows, columns in (grid, shape[:2]))
            raise ValueError(f"systems.{name}.sizes.grid: {here}, and {feature} has maps of {there} cells")


def _check_loss(config: "Config", name: str, system: System) -> None:
    """Whether student and teacher have what the loss compares."""
    if system.teacher is None:
        return
    own, taught = (config.sizes(each) for each in (name, system.teacher))
    if system.loss in ("st_context", "joint") and own.context_size != taught.context_size:
        sizes = f"{own.context_size} with {taught.context_size}"
        raise ValueError(f"systems.{name}.loss: {system.loss} compares context vectors, {sizes}")
    if system.loss in REPRESENTING:
        if not (isinstance(own, CaptionerSizes) and isinstance(taught, CaptionerSizes)):
            raise ValueError(f"systems.{name}.loss: {system.loss} goes with network captioner, the teacher's too")
        if not own.adaptor:
            raise ValueError(f"systems.{name}.loss: {system.loss} trains an adaptor: give sizes {{adaptor: true}}")


def _check_without(config: "Config", name: str, others: Collection[str]) -> None:
    """Whether what is taken away is an input of the model, or one of ``others``."""
    trained = config.trained(name)[1]
    inputs = (*trained.features, *(["history"] if trained.asked else []), *([CONCEPTS] if trained.shown() else []))
    for lost in config.systems[name].without:
        if lost not in inputs and lost not in others:
            raise ValueError(f"systems.{name}.without: {lost!r} is not an input of the model ({listed(inputs)})")


def _check_readings(config: "Config", name: str) -> None:
    """Whether what is read of other systems is what they write."""
    for when in ("train", "test"):
        told = config.systems[name].told(when)
        if not isinstance(told, DescribedBy):
            continue
        key = f"systems.{name}.description.{when}.system"
        _known(key, [told.system], config.systems, "systems")
        other = config.systems[told.system]
        if not other.describes or other.model is not None:
            raise ValueError(f"{key}: {told.system!r} does not describe videos; name a system with task: describe")
    words = config.trained(name)[1].shown()
    if words is None:
        return
    key = f"systems.{config.trained(name)[0]}.concepts"
    _known(f"{key}.system", [words.system], config.systems, "systems")
    detector = config.systems[words.system]
    if not detector.detects or detector.model is not None:
        raise ValueError(f"{key}.system: {words.system!r} detects no words; name a system with task: detect")
    if words.k > detector.written:
        raise ValueError(f"{key}.k: {words.k}, but {words.system!r} writes {detector.written} words (its k)")
