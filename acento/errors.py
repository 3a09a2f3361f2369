"""What can go wrong, said in one sentence: what happened, to which file or id, and how to mend it.

The class tells two things apart that matter to whoever calls: whether the person has to change something
(``InputError``), and whether the same call may succeed a little later (``TransientError``): only that is retried.
"""


class AcentoError(Exception):
    """The base of every error that Acento raises on purpose; its text is one sentence for a person."""


class InputError(AcentoError):
    """What was asked for cannot be done as asked: a wrong path, option, data set or model. Trying again is no use."""


class DataError(InputError):
    """A source, a data set or a file of it is not what it should be."""


class ModelError(InputError):
    """A model cannot be found or is not whole, or its family is not known."""


class StoreError(AcentoError):
    """The artifact store cannot be written or read."""


class DamagedError(StoreError):
    """Bytes of an artifact are not those that were published."""


class TransientError(AcentoError):
    """What may pass by itself: a network that is down, a machine that was taken away, a lock held by another."""


def may_pass(error: BaseException) -> bool:
    """Tell whether trying again later may help: true for the network and the machine, never for a bug."""
    return isinstance(error, TransientError | ConnectionError | TimeoutError)
