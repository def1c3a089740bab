"""What changed in the form of the catalog, step by step.

The rule for every change to come: it is one more step here, and nothing that a released version
wrote is edited in `database`. A new catalog is made of the first form and of all steps, an older
one takes the steps that it lacks, in one transaction, so that both are the same afterwards and a
failure leaves the folder as it was. A catalog of a newer form is refused.
"""

from __future__ import annotations

__all__ = ["STEPS"]

_LAYOUTS = """
CREATE TABLE layouts (
  table_id TEXT PRIMARY KEY,
  layout INTEGER NOT NULL         -- how often files of the table were joined into others
) WITHOUT ROWID;
ALTER TABLE files ADD COLUMN laid INTEGER NOT NULL DEFAULT 0;   -- the layout that brought it
ALTER TABLE files ADD COLUMN place INTEGER;     -- of the file in whose place it is, or NULL
ALTER TABLE files ADD COLUMN births BLOB;       -- the versions of its rows, where not all `added`
ALTER TABLE files ADD COLUMN newest INTEGER;    -- the last of them
CREATE INDEX files_joined ON files (table_id, newest) WHERE births IS NOT NULL;
CREATE TABLE replaced (                         -- files whose rows are in others by now
  id INTEGER PRIMARY KEY,
  table_id TEXT NOT NULL,
  spec TEXT NOT NULL,
  bucket INTEGER,
  name TEXT NOT NULL UNIQUE,
  n_rows INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  facts TEXT NOT NULL,
  added INTEGER NOT NULL,
  removed INTEGER,
  laid INTEGER NOT NULL,
  place INTEGER,
  births BLOB,
  newest INTEGER,
  layout INTEGER NOT NULL         -- sessions of earlier layouts read it still
);
CREATE INDEX replaced_by_table ON replaced (table_id, spec, id);
ALTER TABLE read_sessions ADD COLUMN layout INTEGER NOT NULL DEFAULT 0;
CREATE INDEX read_sessions_by_table ON read_sessions (table_id);
CREATE INDEX read_sessions_expiring ON read_sessions (expires);
CREATE INDEX write_sessions_expiring ON write_sessions (expires);
CREATE INDEX blobs_by_table ON blobs (table_id);
CREATE INDEX blobs_unseen ON blobs (session) WHERE NOT committed;
CREATE INDEX versions_by_time ON versions (table_id, at, version);
CREATE INDEX results_ended ON results (ended);
"""

STEPS = (_LAYOUTS,)
"""From each form to the next one."""
