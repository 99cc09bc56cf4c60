"""The distilled captioner's experiment: the section `distillation`, written out as features and systems.

A teacher sees all of its features, students a share of the steps of each. By rate, k = 0.2 as `20`:

    distilled_teacher         cross entropy, the whole features
    distilled_adaptor_20      L_rep: the adaptor alone learns, the language model is the teacher's
    distilled_rep_20          L_rep, then a language model of its own behind that adaptor
    distilled_rep_ce_20       L_rep + L_CE, from the teacher's weights
    distilled_tuned_20        L_CE alone, from the teacher's weights: the one before without L_rep
    distilled_control_20      L_CE alone, from fresh weights: the teacher's own training on reduced features

>>> section = {"features": {"frames": "downsample"}, "rates": [0.2]}
>>> made = with_distillation({"features": {"frames": {"network": "image"}}, "distillation": section})
>>> made["features"]["frames_20"]
{'network': 'image', 'reduce': {'rate': 0.2, 'method': 'downsample'}}
>>> made["systems"]["distilled_rep_ce_20"]["loss"], made["systems"]["distilled_rep_ce_20"]["row"]
('rep_ce', 'rep_ce_0.2')
>>> len(made["systems"])
6
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, field_validator

from pipeline.config.answers import Answers
from pipeline.config.base import Overrides, Seeds, TestSet, entries, mapping
from pipeline.config.feature_base import Method
from pipeline.config.training import Training
from pipeline.corpus.sentences import Target
from pipeline.names import Name, listed
from pipeline.section import Section

TEACHER = "distilled_teacher"
STUDENTS = {
    "rep": "L_rep",
    "adaptor": "L_rep, the teacher's language model",
    "rep_ce": "L_rep + L_CE",
    "tuned": "L_CE alone, from the teacher's weights",
    "control": "L_CE alone",
}
"""What a student learns from, in the order of the tables: what stands in its name, and its label."""
ROWS = {"rep": "rep", "adaptor": "rep", "rep_ce": "rep_ce"}
"""Those that stand beside the paper's rows: the paper leaves open whose language model follows L_rep."""
RATES = (0.2, 0.4, 0.6, 0.8)
"""The paper's."""


class Distillation(Section):
    """The distilled captioner's experiment, `snakemake distillation`: a teacher, and students by rate."""

    features: dict[Name, Method | None] = Field(
        description="what the teacher sees, and how each is reduced for students before its network: downsample for "
        "frames, any method for sound; null takes one back that a file before has set",
    )
    rates: tuple[Annotated[float, Field(ge=0.001, lt=1)], ...] = Field(
        RATES, min_length=1, max_length=100, description="k, the share of the steps that students see"
    )
    target: Target = Field("summary", description="what all learn to write, as `target` of a describing system")
    training: Annotated[dict[str, Any], Overrides(Training)] = Field(
        {}, description="overrides of the training section, for all of them"
    )
    answers: Annotated[dict[str, Any], Overrides(Answers)] = Field(
        {}, description="overrides of the answers section, likewise"
    )
    seeds: Seeds = Field(1, description="times each is trained; a student of seed n learns from the teacher's")
    test_set: TestSet = Field("trial", description="the test set that is described and scored")

    @field_validator("features")
    @classmethod
    def _some(cls, value: dict[str, Method | None]) -> dict[str, Method | None]:
        if not any(value.values()):
            raise ValueError("none, so there is nothing to describe; name at least one")
        return value

    @field_validator("rates")
    @classmethod
    def _once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        names = [percent(rate) for rate in value]
        if twice := [rate for rate, name in zip(value, names, strict=True) if names.count(name) > 1]:
            raise ValueError(f"{twice[0]:g} stands twice")
        return value

    @property
    def seen(self) -> dict[str, Method]:
        """The features that are seen, each with its method."""
        return {name: method for name, method in self.features.items() if method is not None}

    def entries(self) -> tuple[str, ...]:
        """Names of the systems, a further seed's left out."""
        return (TEACHER, *(student_name(kind, rate) for kind in STUDENTS for rate in self.rates))

    def reduced(self) -> tuple[str, ...]:
        """Names of the students' features."""
        return tuple(reduced_name(feature, rate) for rate in self.rates for feature in self.seen)


def percent(rate: float) -> str:
    """A rate in names.

    >>> percent(0.2), percent(0.07), percent(0.125)
    ('20', '7', '12_5')
    """
    return f"{100 * rate:.6g}".replace(".", "_")


def reduced_name(feature: str, rate: float) -> str:
    """The feature made of a share of the steps."""
    return f"{feature}_{percent(rate)}"


def student_name(kind: str, rate: float) -> str:
    """The system of a kind of `STUDENTS` at a rate."""
    return f"distilled_{kind}_{percent(rate)}"


_MADE = ("features", "systems")


def _entries(values: dict[str, Any], section: str) -> dict[Any, dict[Any, Any]] | None:
    return {} if values.get(section) is None else entries(values, section)


def with_distillation(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the experiment's features and systems; what it says of one itself is laid over that.

    Raises `ValueError` for a feature that there is none of. What is no configuration yet (another type than expected)
    is left for validation to name.
    """
    section, features, systems = mapping(values.get("distillation")), *(_entries(values, key) for key in _MADE)
    if not section or features is None or systems is None:
        return values
    try:
        found = Distillation.model_validate(section)
    except ValueError:
        return values
    if missing := [name for name in found.seen if name not in features]:
        raise ValueError(f"distillation.features: {missing[0]!r} is not in features ({listed(map(str, features))})")
    reduced = {name: _over(entry, features.get(name)) for name, entry in _features(found, features)}
    made = {name: _over(entry, systems.get(name)) for name, entry in _systems(found)}
    return {**values, "features": {**features, **reduced}, "systems": {**systems, **made}}


def _over(entry: dict[str, Any], given: Any) -> Any:
    """What is given of an entry laid over it, key by key."""
    return {**entry, **given} if isinstance(given, dict) else entry if given is None else given


def _features(section: Distillation, features: dict[Any, dict[Any, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for rate in section.rates:
        for feature, method in section.seen.items():
            # Computed even where the whole feature is gathered: what is reduced stands before its network.
            whole = {key: value for key, value in features[feature].items() if key != "npy"}
            yield reduced_name(feature, rate), {**whole, "reduce": {"rate": rate, "method": method}}


def _systems(section: Distillation) -> Iterator[tuple[str, dict[str, Any]]]:
    common = {
        "task": "describe",
        "target": section.target,
        "network": "captioner",
        "training": section.training,
        "answers": section.answers,
        "seeds": section.seeds,
        "test_sets": [section.test_set],
    }
    yield TEACHER, {**common, "label": "Teacher", "features": list(section.seen), "row": "teacher"}
    for kind, label in STUDENTS.items():
        for rate in section.rates:
            entry = {
                **common,
                "label": f"{label}, k = {rate:g}",
                "features": [reduced_name(feature, rate) for feature in section.seen],
                "row": f"{ROWS[kind]}_{rate:g}" if kind in ROWS and rate in RATES else None,
            }
            yield student_name(kind, rate), {**entry, **_learned(kind, rate)}


def _learned(kind: str, rate: float) -> dict[str, Any]:
    """What tells the students of a rate apart."""
    if kind == "control":
        return {}
    with_adaptor = {"sizes": {"adaptor": True}}
    if kind == "rep":
        start = {"init_from": {"system": student_name("adaptor", rate)}, "freeze": ["adaptor"]}
        return {**with_adaptor, **start}
    if kind == "tuned":
        return {**with_adaptor, "init_from": {"system": TEACHER}}
    return {**with_adaptor, "teacher": TEACHER, "loss": {"adaptor": "rep", "rep_ce": "rep_ce"}[kind]}
