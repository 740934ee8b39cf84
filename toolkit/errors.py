"""The errors of this package. Every message names what is wrong and what to do."""


class ToolkitError(Exception):
    """The base class of every error that this package raises on purpose."""


class UsageError(ToolkitError, ValueError):
    """The call cannot be carried out as asked: an unreadable target, a date without a zone."""


class SchemaError(ToolkitError, ValueError):
    """A frame does not have the columns or dtypes that `toolkit.schema` describes."""


class StoreError(ToolkitError):
    """A store cannot be opened, is damaged, or was written by a newer schema."""


class ReadError(ToolkitError, ValueError):
    """A file does not have the expected form, or is truncated."""


class OutputError(ToolkitError):
    """A file or a folder cannot be written: it is read-only, the disk is full."""


class StoreWriteError(StoreError, OutputError):
    """A store cannot be written: missing permission or space, or the object store does not answer. It is unchanged."""


class StoreFullError(StoreWriteError):
    """A store cannot be written because its disk, or this user's share of it, is full."""


class ClusterError(ToolkitError):
    """A cluster cannot be reached, lacks workers with this version, or could not look up the names of a round."""


class LabError(ToolkitError):
    """The lab could not be set up, or is not running."""


class LabUsageError(LabError, UsageError):
    """The lab cannot do what it is asked: an unknown scenario, a parameter or a plan that makes no sense."""


class InterruptWarning(UserWarning):
    """A call was interrupted and returns what was seen until then. The message says how many looks that are."""


class ReadWarning(UserWarning):
    """Something in a file was left out of what was read: a private key, an unreadable root. The message names it."""
