"""A made-up checkout: modules with the published ones' interface and Python 2 habits, and nothing else of them.

Its network is one table of words; every constructor insists on the sizes that SCRIPT gives it, each another number.
"""

from pathlib import Path

SCRIPT = """
fea_type="i3d_rgb i3d_flow"
enc_psize="3 4"
enc_hsize="0 0"
att_size=5
mout_size=6
embed_size=7
in_enc_layers=8
in_enc_hsize=9
hist_enc_layers="10 11"
hist_enc_hsize=12
hist_out_size=13
dec_layers=14
dec_psize=15
dec_hsize=16
batch_size=8
max_length=256
"""
ENCODER = """
import scipy.io as sio
import torch.nn as nn
unused = nn.LSTM
def layers(dropout=0.5):
    return nn.LSTM(2,3,1,dropout,batch_first=True)
def moved(tensor):
    return tensor.cuda()
"""
SIX = "import six\nnothing = list(six.moves.range(0))\n"
MODULES = {
    "avsd_train.py": """
import six
import data_handler as dh
from mmseq2seq_model import MMSeq2SeqModel
from multimodal_encoder import MMEncoder
from lstm_encoder import LSTMEncoder
from hlstm_encoder import HLSTMEncoder
from hlstm_decoder import HLSTMDecoder
def fetch_batch(dh, data, index, result):
    for _ in six.moves.range(1):
        result.append(dh.make_batch(data, index))
""",
    "data_handler.py": """
import json
import six
import numpy as np
def load(fea_types, fea_path, dataset_file, vocab={}):
    found = []
    for dialog in json.load(open(dataset_file))['dialogs']:
        for number in six.moves.range(len(dialog['dialog'])):
\t    found.append((dialog['image_id'], dialog['dialog'][number]))
    return {'turns': found, 'vocab': vocab, 'features': [(name, fea_path) for name in fea_types]}
def feature_shape(data):
    dims = {}
    for name, path in data['features']:
        values = {0: np.load(path.replace('<FeaType>', name).replace('<ImageID>', data['turns'][0][0]))}
        dims[name] = values.values()[0].shape[1]
    return [dims[name] for name, _ in data['features']]
def make_batch_indices(data, batchsize=100, max_length=20):
    ids = list(range(len(data['turns'])))
    size = batchsize / (1 / max_length + 1)
    return [(None, ids[begin:begin + size]) for begin in range(0, len(ids), size)], len(ids)
def make_batch(data, index):
    texts = [data['turns'][place][1] for place in index[1]]
    ids = [np.array([data['vocab'][word] for word in text['answer'].split()] + [2], dtype=np.int32) for text in texts]
    videos = []
    for name, path in data['features']:
        files = [path.replace('<FeaType>', name).replace('<ImageID>', data['turns'][place][0]) for place in index[1]]
        videos.append(np.stack([np.load(file) for file in files], 1))
    return videos, [ids], ids, ids, ids
""",
    "mmseq2seq_model.py": """
import six
import torch
import torch.nn as nn
import torch.nn.functional as F
class MMSeq2SeqModel(nn.Module):
    def __init__(self, mm_encoder, history_encoder, input_encoder, response_decoder):
        super(MMSeq2SeqModel, self).__init__()
        self.words = response_decoder
    def loss(self, mx, hx, x, y, t):
        assert [video.shape[2] for video in mx] == [16, 16] and len(hx[0]) == len(x) == len(y) == len(t)
        words = torch.cat(t).long().cuda()
        return None, None, F.cross_entropy(self.words(words), words)
""",
    "multimodal_encoder.py": SIX
    + """
class MMEncoder(object):
    def __init__(self, in_size, out_size, enc_psize=[], enc_hsize=[], att_size=100, state_size=100):
        assert (in_size, out_size, enc_psize, enc_hsize) == ([16, 16], 6, [3, 4], [0, 0])
        assert (att_size, state_size) == (5, 9)
def steps(tensor, rows):
    return tensor.cuda().shape[0] / rows
""",
    "lstm_encoder.py": ENCODER
    + """
class LSTMEncoder(object):
    def __init__(self, n_layers, in_size, out_size, embed_size, dropout=0.5):
        assert (n_layers, out_size, embed_size) == (8, 9, 7)
""",
    "hlstm_encoder.py": SIX
    + ENCODER
    + """
class HLSTMEncoder(object):
    def __init__(self, n_wlayers, n_slayers, in_size, out_size, embed_size, hidden_size, dropout=0.5):
        assert (n_wlayers, n_slayers, out_size, embed_size, hidden_size) == (10, 11, 13, 7, 12)
""",
    "hlstm_decoder.py": SIX
    + ENCODER.replace("import scipy.io as sio\n", "")
    + """
def HLSTMDecoder(n_layers, in_size, out_size, embed_size, in_size_hier, hidden_size, proj_size, independent=False):
    assert (n_layers, embed_size, in_size_hier, hidden_size, proj_size) == (14, 7, 6 + 13 + 9, 16, 15)
    assert independent and in_size == out_size
    return nn.Embedding(in_size, out_size)
""",
}


def write(folder: Path) -> Path:
    """The checkout, in a new ``folder``."""
    (folder / "code").mkdir(parents=True)
    for name, text in MODULES.items():
        (folder / "code" / name).write_text(text)
    (folder / "run_i3d.sh").write_text(SCRIPT)
    return folder
