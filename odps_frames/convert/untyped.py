"""Arrow data of a type that only the run knows.

The stubs of pyarrow describe arrays by the type of their elements, and its functions by such
arrays; a conversion that is driven by a schema has none to name. So its arrays, types and
functions of Arrow are `Any` to the type checker, by the names of this file and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

__all__ = ["AnyArray", "AnyType", "Convert", "pc"]

AnyArray: TypeAlias = Any
AnyType: TypeAlias = Any
Convert: TypeAlias = Callable[[AnyArray], AnyArray]

pc: Any = pa.compute
