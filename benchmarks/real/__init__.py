"""The paper's question on the real dialogs at hand: the runs there are, what they say, and the page of it."""
