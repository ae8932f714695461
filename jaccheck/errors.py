"""What can go wrong before a result is judged; what a *method* did wrong is a `Verdict`, never an exception."""


class JaccheckError(Exception):
    """Misuse or a broken environment, told in one line: the thing, its value, what was expected, what to do."""


class InvalidCase(JaccheckError, ValueError):
    """A `Case` describes no network, or one too large to be built."""


class NotComputed(InvalidCase):
    """Torch itself does not compute the network of a case, in this dtype or on this device."""


class UnknownName(JaccheckError, LookupError):
    """A method, device, dtype, family or profile of that name does not exist here."""


class UnreadableFile(JaccheckError, ValueError):
    """A case file or report cannot be read or written, or does not hold what it should."""


class IncompatibleFile(UnreadableFile):
    """A file was written under another schema version."""


class BrokenEnvironment(JaccheckError, ImportError):
    """A package that the chosen methods need is missing, or is there but does not import."""


class ClusterLost(JaccheckError, ConnectionError):
    """The scheduler of a cluster, or all its workers, went away while a run was going on."""


class InvalidModel(JaccheckError, ValueError):
    """A user's model and input have no batched Jacobian that could be computed."""


class InvalidOut(JaccheckError, ValueError):
    """Memory given as `out` cannot hold the Jacobians."""


class NotCovered(JaccheckError, NotImplementedError):
    """A method met, while it ran, what it does not cover and could not see beforehand; no number was returned."""


class InvalidRequest(JaccheckError, ValueError):
    """What was asked for on the command line has no meaning."""
