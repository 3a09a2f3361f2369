"""Errors of the worker. The text of each is one sentence: what is wrong, and what to do."""


class ModalWorkerError(Exception):
    """The base of all errors that the worker raises on purpose."""


class SetupError(ModalWorkerError):
    """Something has to be changed first, such as the token, the image or a job variable; a retry does not help."""


class UnavailableError(ModalWorkerError):
    """Modal cannot be reached or has no capacity now; the same request may succeed later."""
