"""What systems can be made for: answering questions, describing a video.

The four things in which tasks differ have one module a task (`base.Task`); nothing else in the house asks which task a
system has. Another package adds one by an entry point of the group `avsd.tasks` that names its `Task`.
"""

# A configuration is made of the entries of all tasks, and a task's entry of what the configuration's sections share:
# whichever is imported first, the sections come before the tasks.
import pipeline.config  # noqa: F401
