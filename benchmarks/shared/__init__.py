"""What the measurements share: commands, processes, times, machine, rows, dialogs to train on."""
