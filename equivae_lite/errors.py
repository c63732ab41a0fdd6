"""Errors that say what was wrong, what was expected and what to do about it."""


class EquivaeError(Exception):
    """Base of all errors that the package raises on purpose."""


class DataError(EquivaeError):
    """A data set is missing, damaged or of the wrong shape."""


class InputError(EquivaeError, ValueError):
    """Numbers, shapes or types that a function has no right answer for."""


class CheckpointError(EquivaeError):
    """A file of a run is missing, damaged, of another run, or cannot be written."""


class TrainingError(EquivaeError):
    """Training cannot start or go on (the last good state is kept)."""


class ExperimentError(EquivaeError, ValueError):
    """An unknown experiment, or settings that contradict each other."""
