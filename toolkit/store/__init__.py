"""Keep: the four tables as Delta Lake tables in one folder or at an object store's URL.

Rule 1: append only. An append is atomic per table, and certificates are committed before the observations that name
them. A process that is killed leaves at most certificates that no observation names.
Rule 2: rows are kept as they were given. Of rows with equal keys, loading keeps the first.
Rule 3: every error of a store is a `StoreError` that names the table or file, and what to do.
Rule 4: only files that a commit removed are deleted, unless the user states that no other process writes.
"""

from toolkit.store.keeping import Store, as_store

__all__ = ["Store", "as_store"]
