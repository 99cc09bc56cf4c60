"""The one error a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one line naming the file, the item, what was expected and what to do.

    The command line prints it as ``error: <message>`` and exits with status 1; a traceback is for bugs.
    """
