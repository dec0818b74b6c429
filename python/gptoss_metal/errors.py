"""What gptoss-metal raises.

Every message is one line, ``[where] what. Try: remedy.``, fit to be shown to a user as it is.
The C++ core raises these same classes.
"""


class Error(RuntimeError):
    """Bad input, a bad file or a machine that cannot do what was asked."""


class Cancelled(Error):
    """A computation was stopped by ``Session.cancel()``; what was computed before stays usable."""
