"""A trained system asked about any video: the dialog about it, and the command that holds it."""
