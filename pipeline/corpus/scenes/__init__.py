"""The corpus the project makes: short clips with sound, dialogs about them, and the truth behind every answer."""
