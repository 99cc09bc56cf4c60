"""One line that says where a run of the workflow is: its jobs, what they take, what is left of them."""
