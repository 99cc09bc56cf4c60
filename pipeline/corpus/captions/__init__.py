"""Caption corpora: sentences about videos, in the layouts they come in, as dialogs or as a corpus of their own."""
