"""References in the rows of an upload: checked, and made those that readers are to see.

MaxCompute does so at the commit (protocol.md §11). Rows that are not committed are seen by nobody,
so that doing it when they come looks the same, and no file has to be written twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.nested import rebuild_list, rebuild_map, rebuild_struct
from odps_frames.convert.untyped import pc
from odps_frames.emulator.catalog.blobs import find_staged
from odps_frames.emulator.refusals import invalid
from odps_frames.model.blob import blob_column_ids, blob_paths
from odps_frames.model.types import ArrayType, MapType, StructType
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.blobs import KeptBlob
    from odps_frames.emulator.catalog.database import Database
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["BlobRefs", "refuse_blobs"]


class BlobRefs:
    """The references that rows of one write session may have.

    Parameters
    ----------
    session : str
        The id under which the catalog knows the session.
    """

    def __init__(self, database: Database, session: str, table: Table) -> None:
        self._database = database
        self._session = session
        self._ids = blob_column_ids(write_schema_of(table.schema))

    def resolve(self, array: AnyArray, column: Column) -> AnyArray:
        """Return a kept column with references for readers.

        Raises
        ------
        ServiceError
            For a reference that was not uploaded in this session for this column.
        """
        if not blob_paths(column.name, column.type):
            return array
        return self._resolve(array, column.type, column.name)

    def _resolve(self, array: AnyArray, type_: DataType, path: str) -> AnyArray:
        if not blob_paths(path, type_):
            return array
        match type_:
            case ArrayType(element=element):
                return rebuild_list(
                    array, lambda some: self._resolve(some, element, f"{path}.element"), array.type
                )
            case MapType(key=key, value=value):
                return rebuild_map(
                    array,
                    lambda some: self._resolve(some, key, f"{path}.key"),
                    lambda some: self._resolve(some, value, f"{path}.value"),
                    array.type,
                )
            case StructType(fields=fields):
                members = [
                    (i, lambda some, f=field: self._resolve(some, f.type, f"{path}.{f.name}"))
                    for i, field in enumerate(fields)
                ]
                return rebuild_struct(array, members, array.type)
            case _:
                return self._leaf(array, path)

    def _leaf(self, array: AnyArray, path: str) -> AnyArray:
        coded = array.dictionary_encode()
        staged: list[bytes] = coded.dictionary.to_pylist()
        with self._database.read() as connection:
            found = find_staged(connection, self._session, staged)
        refs = [self._ref(found.get(reference), reference, path) for reference in staged]
        return pa.array(refs, pa.binary()).take(coded.indices).cast(array.type)

    def _ref(self, blob: KeptBlob | None, reference: bytes, path: str) -> bytes:
        if blob is None:
            raise invalid(
                f"column {path!r}: {reference[:80]!r} is no reference to a blob that was uploaded "
                "in this write session"
            )
        if blob.column_id != self._ids[path]:
            raise invalid(
                f"column {path!r} with ColumnId {self._ids[path]}: a blob in it was uploaded for "
                f"ColumnIndex={blob.column_id}"
            )
        return blob.ref.encode()


def refuse_blobs(array: AnyArray, column: Column) -> AnyArray:
    """Return a kept column, unless it has references; for uploads that can have none."""
    if blob_paths(column.name, column.type) and pc.any(array.is_valid()).as_py():
        raise invalid(
            f"column {column.name!r} of type {column.type}: blobs are written over the Storage API"
        )
    return array
