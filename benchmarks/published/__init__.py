"""The organisers' published code at work beside ours: a part of the questions of training and answering."""
