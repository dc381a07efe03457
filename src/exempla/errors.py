"""The exceptions a user is meant to see."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, and how to mend it.

    The command line prints it and exits with code 2; no traceback is shown.
    """


class MissingModelError(UserError):
    """A model's folder is not there, or holds no model; what it left in a run can still be used."""
