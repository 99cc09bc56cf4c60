"""Accuracy of filling blanks in JSFusion's paper: Yu, Kim and Kim, ECCV 2018, LSMDC's 30,000 blanks, per cent.

"JSTmean-noattention" is printed so; by its place it is presumably JSFusion without attention.
"""

ACCURACY: dict[str, float] = {
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
"""In the paper's order."""
NOTE = (
    "The paper's figures are of blanks in LSMDC's descriptions of films: other sentences, another vocabulary, another "
    "rule for blanks. They are not comparable with those of this run, and no difference is given."
)
"""With every table that has the paper's figures in it."""
