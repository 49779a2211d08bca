"""Holds a response against the models of msgraph-sdk: no field they do not know, no value of another type.

A model says how it reads itself from a parse node. `Checking` is a parse node that believes nothing: it walks the JSON
as the model would and records what does not fit.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any

# Written by the service and read by no model: annotations of OData, and what recordings of the real service hold.
ANNOTATIONS = {"@odata.context", "@odata.etag", "@odata.type", "@odata.mediaContentType", "@removed"}
RECORDED = {"sizeInBytes"}  # of a folder: in recordings of the service, though in no model
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


class Checking:
    """A value and the place it was found at."""

    def __init__(self, value: Any, place: str, problems: list[str]) -> None:
        self.value = value
        self.place = place
        self.problems = problems

    def _wrong(self, expected: str) -> None:
        self.problems.append(f"{self.place}: {self.value!r:.80} is no {expected}")

    def _is(self, kind: type, name: str) -> Any:
        if self.value is not None and (not isinstance(self.value, kind) or (kind is int and self.value is True)):
            self._wrong(name)
        return self.value

    def get_child_node(self, name: str) -> Checking | None:
        if isinstance(self.value, dict) and name in self.value:
            return Checking(self.value[name], f"{self.place}.{name}", self.problems)
        return None

    def get_str_value(self) -> Any:
        return self._is(str, "text")

    def get_bool_value(self) -> Any:
        return self._is(bool, "truth value")

    def get_int_value(self) -> Any:
        return self._is(int, "whole number")

    def get_float_value(self) -> Any:
        return self._is(float, "number")

    def get_uuid_value(self) -> Any:
        return self._is(str, "id")

    def get_datetime_value(self) -> Any:
        if self.value is not None and (not isinstance(self.value, str) or not _TIME.fullmatch(self.value)):
            self._wrong("time")
        return datetime.fromisoformat(self.value) if isinstance(self.value, str) else None

    def get_bytes_value(self) -> Any:
        try:
            return None if self.value is None else base64.b64decode(self.value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            self._wrong("base64")

    def get_enum_value(self, kind: type[Enum]) -> Any:
        if self.value is not None and self.value not in {one.value for one in kind}:
            self._wrong(f"{kind.__name__}")

    def get_collection_of_enum_values(self, kind: type[Enum]) -> Any:
        for one in self._each():
            one.get_enum_value(kind)

    def get_collection_of_primitive_values(self, kind: type) -> Any:
        for one in self._each():
            one._is(kind, kind.__name__)

    def get_collection_of_object_values(self, factory: Any) -> Any:
        for one in self._each():
            one.get_object_value(factory)

    def _each(self) -> list[Checking]:
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self._wrong("list")
            return []
        return [Checking(one, f"{self.place}[{n}]", self.problems) for n, one in enumerate(self.value)]

    def get_object_value(self, factory: Any) -> Any:
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            self._wrong("object")
            return
        model = factory.create_from_discriminator_value(self)
        readers: dict[str, Callable[[Any], None]] = model.get_field_deserializers()
        for name in self.value:
            child = self.get_child_node(name)
            if name in readers:
                readers[name](child)
            elif name not in ANNOTATIONS | RECORDED:
                self.problems.append(f"{self.place}: {type(model).__name__} knows no field {name}")


def problems_of(value: object, model: Any) -> list[str]:
    """What does not fit, as sentences."""
    problems: list[str] = []
    Checking(value, "$", problems).get_object_value(model)
    return problems


def template(builder: type) -> str:
    """The URL template a request builder of the SDK uses."""
    made: Any = builder({}, _Anything())
    return str(made.url_template)


class _Anything:
    """Stands where the SDK wants an adapter: building an address needs none."""


def fits(template_text: str, path: str, names: set[str]) -> bool:
    """Whether a path and its query names are of this URL template."""
    address, _, query = template_text.removeprefix("{+baseurl}").partition("{?")
    pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(address))
    allowed = {name.replace("%24", "$").strip("*") for name in query.rstrip("}").split(",")}
    return re.fullmatch(pattern, path) is not None and names <= allowed
