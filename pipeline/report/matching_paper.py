"""Figures of two papers beside those of this run, each where the run has systems with the paper's networks.

JSFusion (Yu, Kim and Kim, ECCV 2018), of LSMDC (L) and MSR-VTT (M); CT-SAN (Yu, Ko, Choi and Kim, CVPR 2017), of LSMDC.
As printed, per cent but for ranks. "JSTmean-noattention" of the blanks is presumably JSFusion without attention; R@5 of
LSMDC in the last two rows, 10.9 and 11.2, look like misprints of 20.9 and 21.2.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.scoring.names import CHOSEN, FILLED, RETRIEVED

LSMDC, MSR_VTT = "LSMDC", "MSR-VTT"
RANKS = ("R@1", "R@5", "R@10", "median rank")
RETRIEVAL: dict[str, tuple[tuple[float, ...] | None, tuple[float, ...] | None]] = {
    "LSTM-fusion": ((3.0, 8.9, 15.9, 95.0), (3.0, 9.6, 17.1, 67.0)),
    "SA-G+SA-FC7": ((3.0, 8.8, 13.2, 114.0), (3.1, 9.0, 13.4, 91.0)),
    "LSTM+SA-FC7": ((3.3, 10.2, 15.6, 88.0), (3.2, 11.1, 15.7, 69.0)),
    "C+LSTM+SA-FC7": ((4.3, 12.6, 18.9, 98.0), (4.2, 12.9, 19.9, 55.0)),
    "VSE-LSTM": ((3.1, 10.4, 16.5, 79.0), (3.8, 12.7, 17.1, 66.0)),
    "EITanque": ((4.7, 15.9, 23.4, 64.0), (4.7, 16.6, 24.1, 41.0)),
    "SNUVL": ((3.6, 14.7, 23.9, 50.0), (3.5, 15.9, 23.8, 44.0)),
    "CT-SAN": ((4.5, 14.1, 20.9, 67.0), (4.4, 16.6, 22.3, 35.0)),
    "Miech et al.": ((7.3, 19.2, 27.1, 52.0), None),
    "noBLSTM-JSFusion": ((4.7, 17.2, 25.2, 52.0), (5.1, 21.1, 29.1, 30.0)),
    "LSTM-JSFusion": ((7.6, 19.2, 27.1, 36.0), (9.2, 28.2, 41.1, 18.0)),
    "JSTmax": ((6.7, 18.0, 27.2, 39.0), (8.8, 29.8, 41.0, 17.0)),
    "JSTmean": ((7.5, 20.9, 28.2, 36.0), (9.0, 27.2, 40.9, 18.0)),
    "JSFusion-noattention": ((6.4, 18.4, 28.4, 41.0), (8.7, 27.4, 39.5, 19.0)),
    "JSFusion-noaudio": ((9.0, 10.9, 32.1, 39.0), (9.2, 28.3, 41.3, 17.0)),
    "JSFusion": ((9.1, 11.2, 34.1, 36.0), (10.2, 31.2, 43.2, 13.0)),
}
"""Of 1,000 pairs: R@1, R@5, R@10, median rank; L, then M."""
CHOICE: dict[str, tuple[float, float]] = {
    "LSTM-fusion": (52.8, 38.3),
    "SA-G+SA-FC7": (55.1, 55.8),
    "LSTM+SA-FC7": (56.3, 59.1),
    "C+LSTM+SA-FC7": (58.1, 60.2),
    "VSE-LSTM": (63.0, 67.3),
    "SNUVL": (63.1, 65.4),
    "ST-VQA-Sp.Tp": (63.5, 66.1),
    "EITanque": (63.7, 65.5),
    "CT-SAN": (63.8, 66.4),
    "noBLSTM-JSFusion": (64.7, 68.7),
    "LSTM-JSFusion": (72.1, 79.7),
    "JSTmax": (68.3, 74.4),
    "JSTmean": (70.2, 80.0),
    "JSFusion-noattention": (69.4, 79.2),
    "JSFusion-noaudio": (72.5, 82.9),
    "JSFusion": (73.5, 83.4),
}
"""Accuracy of choosing among five sentences; L, then M."""
BLANKS: dict[str, float] = {
    "Text-only BLSTM": 32.0,
    "Text-only human": 30.2,
    "GoogleNet-2D + C3D": 35.7,
    "Ask Your Neurons": 33.2,
    "Merging-LSTM": 34.2,
    "SNUVL": 38.0,
    "CT-SAN": 41.9,
    "LR/RL LSTMs": 40.9,
    "LR/RL LSTMs, ensemble": 43.5,
    "noBLSTM-JSFusion": 42.9,
    "LSTM-JSFusion": 43.7,
    "JSTmax": 41.3,
    "JSTmean": 44.2,
    "JSTmean-noattention": 44.5,
    "JSFusion-noaudio": 45.26,
    "JSFusion": 45.52,
    "Human": 68.7,
}
"""Accuracy of 30,000 blanks of L."""
SAN: dict[str, tuple[float | None, tuple[float, ...] | None, float | None]] = {
    "Aalto": (39.7, None, None),
    "SA-G+SA-FC7": (55.1, (3.0, 8.8, 13.2, 114.0), None),
    "LSTM+SA-FC7": (56.3, (3.3, 10.2, 15.6, 88.0), None),
    "C+LSTM+SA-FC7": (58.1, (4.3, 12.6, 18.9, 98.0), None),
    "Simple-LSTM": (None, None, 30.9),
    "Simple-BLSTM": (None, None, 31.6),
    "amirmazaheri": (None, None, 34.2),
    "Base-SAN": (60.1, (4.3, 13.0, 18.2, 83.0), 34.5),
    "SNUVL, single": (63.1, (3.8, 13.6, 18.9, 80.0), 38.0),
    "EITanque": (63.7, (4.7, 15.9, 23.4, 64.0), None),
    "SNUVL, ensemble": (65.7, (3.6, 14.7, 23.9, 50.0), 40.7),
    "CT-SAN, single": (63.8, (4.5, 14.1, 20.9, 67.0), 41.9),
    "CT-SAN, ensemble": (67.0, (5.1, 16.3, 25.2, 46.0), 42.7),
}
"""CT-SAN's paper, of L: accuracy of choosing; retrieval as above; accuracy of blanks."""
NOTE = (
    "The paper's figures are of LSMDC's descriptions of films, and of MSR-VTT's: other videos and sentences, another "
    "vocabulary, other tests. They are not comparable with those of this run, and no difference is given."
)
"""With every table that has a paper's figures in it."""


def rows(metrics: Sequence[str], networks: Collection[str | None]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Label, and figures by metric, of the systems of each paper that has one of ``networks``, in its order.

    Nothing of a task with other metrics.
    """
    names = [name for name in networks if name is not None]
    if any(name.startswith("jsfusion") for name in names):
        yield from _jsfusion(metrics)
    if any(name.startswith("ct_san") for name in names):
        yield from _san(metrics)


def _san(metrics: Sequence[str]) -> Iterator[tuple[str, Mapping[str, float]]]:
    for name, (chosen, found, filled) in SAN.items():
        label, one = f"{name}, {LSMDC} (CT-SAN's table)", {CHOSEN: chosen, FILLED: filled}.get(tuple(metrics))
        if one is not None:
            yield label, {"accuracy": one}
        if metrics == RETRIEVED and found is not None:
            yield label, dict(zip(RANKS, found, strict=True))


def _jsfusion(metrics: Sequence[str]) -> Iterator[tuple[str, Mapping[str, float]]]:
    if metrics == FILLED:
        yield from ((f"{name}, {LSMDC}", {"accuracy": value}) for name, value in BLANKS.items())
    for place, corpus in enumerate((LSMDC, MSR_VTT)):
        if metrics == CHOSEN:
            yield from ((f"{name}, {corpus}", {"accuracy": values[place]}) for name, values in CHOICE.items())
        if metrics == RETRIEVED:
            for name, both in RETRIEVAL.items():
                if (values := both[place]) is not None:
                    yield f"{name}, {corpus}", dict(zip(RANKS, values, strict=True))
