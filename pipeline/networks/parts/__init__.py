"""What the dialog networks are made of: encoders, attention, recurrent layers, the decoder's loop."""
