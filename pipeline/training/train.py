"""`avsd train`: the files of a system in, its trained model out."""

import os
from pathlib import Path

import torch
from lightning_fabric import Fabric

from pipeline.config import Config, Training
from pipeline.config.dependence import LOSSES
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.progress import log
from pipeline.systems.initial import check_start
from pipeline.systems.system import finished, recover, save
from pipeline.tasks.registry import task_of
from pipeline.training.curves import csv_text
from pipeline.training.depends import depends, elsewhere
from pipeline.training.launch import launch
from pipeline.training.learner import Learning
from pipeline.training.loop import Loop
from pipeline.training.materials import Materials, gather
from pipeline.training.processes import Place, Precision, leave, make_fabric
from pipeline.training.starting import make_learner
from pipeline.training.state import CURVES, STATE, Settings, State, forget, read, take_up


def train(config: Config, name: str) -> None:
    """Train the system ``name`` and write its model folder; an interrupted training goes on where it stopped.

    A model that is there already, whole and made with just what it would be made with now, stays as it is.

    Reads canonical dialogs, vocabulary, feature shards and, for a student, its teacher's model. Writes the model folder
    (with curves.csv) at the end only; the state to go on from, and the curves so far, stand in the state folder and are
    removed then, TensorBoard events stay. Runs in the configuration's `processes` on each of its `nodes`. Raises
    `UserError` for anything missing, and for a loss that is not a finite number.
    """
    _check(config, name)
    if config.processes * config.nodes == 1:
        train_at(config, name, Place())
    else:
        launch(config, name)


def train_at(config: Config, name: str, place: Place) -> None:
    """The part of `train` that the process at ``place`` has in it; with several, all must be called for any to end."""
    layout, settings = Layout(config.results), config.training_of(name)
    precision = _precision(settings, resolve_device(config.device))
    fabric = make_fabric(config.device, place, precision)
    materials = gather(config, name)
    made_with = depends(config, name, materials, fabric.device, precision) if fabric.is_global_zero else {}
    if fabric.broadcast(fabric.is_global_zero and _stands(layout, made_with, name)):
        leave(fabric)
        return
    torch.manual_seed(settings.seed)
    learner, measure = make_learner(config, name, materials), task_of(config, name).measure()
    if place.rank:
        # The same weights, but dropout of its own.
        torch.manual_seed(settings.seed + place.rank)
    if fabric.is_global_zero:
        _announce(name, learner, materials, fabric, precision, measure.note)
    if settings.cache_soft_targets and config.systems[name].loss in LOSSES["cache_soft_targets"]:
        if fabric.is_global_zero:
            log(f"{name}: its teacher passes over all training turns, once (training.cache_soft_targets)")
        with fabric.autocast():
            learner.remember(materials.training, settings.batch_turns, fabric.device, most=settings.cache_soft_targets)
    loop = Loop(
        name,
        fabric,
        learner,
        materials.training,
        materials.validation,
        measure,
        settings=settings,
        made_with=made_with,
        folder=layout.state(name),
        state=_state(fabric, layout.state(name), made_with, name),
    )
    loop.run()
    if fabric.is_global_zero:
        _finish(config, name, materials, loop)
    leave(fabric)


def _stands(layout: Layout, made_with: Settings, name: str) -> bool:
    """Whether the model is there already; its files are then as new as what was read, and no state is left."""
    folder = layout.model(name)
    recover(folder)
    if not finished(folder, elsewhere(made_with)):
        return False
    forget(layout.state(name))
    for path in folder.iterdir():
        os.utime(path)
    log(f"{name}: {folder} was made with the same settings, words, dialogs, features and teacher: it stays as it is")
    return True


def _state(fabric: Fabric, folder: Path, made_with: Settings, name: str) -> State | None:
    """The state to go on from. The first process decides; the others read what it takes up."""
    state = take_up(folder, made_with, name) if fabric.is_global_zero else None
    if fabric.broadcast(state is not None) and not fabric.is_global_zero:
        return read(folder / STATE)
    return state


def _finish(config: Config, name: str, materials: Materials, loop: Loop) -> None:
    """Write the model, and remove what was kept to go on from."""
    schedule, folder, model = loop.schedule, Layout(config.results).model(name), loop.learner.model
    model.to("cpu").load_state_dict(loop.best)
    save(
        folder,
        model,
        config=config,
        name=name,
        vocabulary=materials.vocabulary,
        feature_dims=materials.dims("model"),
        metrics={
            loop.measure.column: schedule.best,
            "best_epoch": schedule.best_epoch,
            "epochs": len(loop.rows),
            "seconds": round(sum(row["seconds"] for row in loop.rows), 1),
        },
        made_with=elsewhere(loop.made_with),
        texts={CURVES: csv_text(loop.rows)},
    )
    loop.forget()
    log(f"{name}: epoch {schedule.best_epoch} kept, validation {loop.measure.name} {schedule.best:.3f}: {folder}")


def _check(config: Config, name: str) -> None:
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    check_start(config, name)
    model = config.systems[name].model
    if model is not None:
        raise UserError(f"system {name!r} answers with the model of {model!r} and has none of its own; train {model!r}")


def _precision(settings: Training, device: torch.device) -> Precision:
    """bfloat16 where it is asked for, or left open and the GPU has it (a CPU computes it far slower than float32)."""
    has_it = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    wanted = settings.precision == "bfloat16" or (settings.precision == "auto" and has_it)
    return "bf16-mixed" if wanted else "32-true"


def _announce(
    name: str, learner: Learning, materials: Materials, fabric: Fabric, precision: Precision, note: str
) -> None:
    where = f"{fabric.device}, {precision}" + (f", {fabric.world_size} processes" if fabric.world_size > 1 else "")
    count = sum(parameter.numel() for parameter in learner.learning())
    splits = {"training": materials.training, "validation": materials.validation}
    sizes = ", ".join(f"{sum(split.turns)} {what} turns" for what, split in splits.items())
    log(f"{name}: {sizes}, {len(materials.vocabulary)} words, {count} weights to learn, {where}; {note}")
