"""The moments of the training videos' features, for a network that standardises them."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from pipeline.features.store import FeatureStore
from pipeline.networks.base import Network

# A dimension that hardly varies is not blown up: the deviation is at least this share of the feature's typical one.
LEAST_SHARE = 0.05


def standardise(network: Network, stores: Mapping[str, FeatureStore], video_ids: Iterable[str]) -> None:
    """Fit a network's `Standardisation`, if it has one, to the features of ``video_ids``; each is read once."""
    if network.standard is None:
        return
    ids = sorted(set(video_ids))
    for name in network.standard.features:
        mean, deviation = moments(stores[name], ids)
        network.standard.fit(name, torch.from_numpy(mean), torch.from_numpy(deviation))


def moments(store: FeatureStore, video_ids: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (D,) over all steps of the videos that have the feature; 0 and 1 when none has a step."""
    count, total, squares = 0, np.zeros(store.dims), np.zeros(store.dims)
    for video_id in video_ids:
        if video_id in store:
            values = store.read(video_id).astype(np.float64)
            count += len(values)
            total += values.sum(axis=0)
            squares += np.square(values).sum(axis=0)
    if count == 0:
        return total, np.ones(store.dims)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0.0))
    least = max(LEAST_SHARE * float(np.median(deviation)), 1e-6)
    return mean, np.maximum(deviation, least)
