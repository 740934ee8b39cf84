"""What can go wrong. Every message names the thing at fault and the next step."""


class ToolkitError(Exception):
    """The root of every error that this package raises on purpose."""


class UsageError(ToolkitError, ValueError):
    """The call cannot be carried out as asked: an unreadable target, a date without a zone."""


class SchemaError(ToolkitError, ValueError):
    """A frame does not have the columns or dtypes that `toolkit.schema` describes."""


class StoreError(ToolkitError):
    """A store cannot be opened, is damaged, or was written by a newer schema."""


class ReadError(ToolkitError, ValueError):
    """A file is not what it was taken for, or is cut short."""


class OutputError(ToolkitError):
    """A file or a folder cannot be written: it is read-only, the disk is full."""


class StoreWriteError(StoreError, OutputError):
    """A store cannot be written: no right to, no space, no answer from the object store. What it holds is as it was."""


class LabError(ToolkitError):
    """The lab could not be set up, or was asked for a scenario that it does not have."""


class ReadWarning(UserWarning):
    """Something in a file was left out of what was read: a private key, an unreadable root. The message names it."""
