"""A configuration entry made real: built, saved, loaded, described."""
