"""Probing and decoding: frames and sound by ffmpeg through a pipe."""
