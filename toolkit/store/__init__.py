"""Keep: the four tables as Delta Lake tables in one folder or at an object store's URL.

Rule 1: append only. An append is atomic per table, and certificates are committed before what names them, so a
process that is killed leaves nothing torn: at most certificates that no observation names.
Rule 2: nothing is kept that was not given, and nothing is lost: of rows with equal keys the first one stands when
they are loaded.
Rule 3: whatever is wrong with a store is a `StoreError` that names the table or file and the next step.
Rule 4: no file is deleted that a commit did not remove, unless the user says that nothing else writes.
"""

from toolkit.store.keeping import Store, as_store

__all__ = ["Store", "as_store"]
