"""Form fields of a PDF as signatures need them: full names, types, values and widgets (ISO 32000-2 clause 12.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signing.pdf.document import View
from signing.pdf.syntax import Array, Dictionary, Malformed, Name, Ref, String, Value, text_of

MAX_FIELDS = 20_000
STAMP_FILTER = b"ETSI.RFC3161"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `value`: its V as written, which for a signature is a reference; `widgets`: what shows it on pages."""

    name: str
    ref: Ref
    dictionary: Dictionary
    kind: bytes
    value: Value
    widgets: tuple[tuple[Ref, Dictionary], ...]

    @property
    def is_signature(self) -> bool:
        """Whether this is a signature field."""
        return self.kind == b"Sig"


def form_of(view: View) -> Dictionary | None:
    """The interactive form of this view, or None."""
    form = view.catalog.get(b"AcroForm")
    return None if view.at(form) is None else view.dictionary(form, "AcroForm")


def fields_of(view: View) -> list[Field]:
    """All fields of this view; raises `Malformed` for loops, for fields met twice, and for a signature that shares its name."""
    form = form_of(view)
    if form is None:
        return []
    found: list[Field] = []
    names: dict[str, bool] = {}
    for field in _walk(view, form):
        signature = names.get(field.name)
        if signature is not None and (signature or field.is_signature):
            raise Malformed(f"two fields are named {field.name[:64]!r}, and one of them is a signature")
        names[field.name] = field.is_signature
        found.append(field)
    return found


def _walk(view: View, form: Dictionary) -> Iterator[Field]:
    seen: set[Ref] = set()
    start = _Inherited("", b"", None)
    waiting = [(one, start, 0) for one in reversed(view.array(form.get(b"Fields"), "Fields"))]
    while waiting:
        ref, inherited, depth = waiting.pop()
        if not isinstance(ref, Ref):
            raise Malformed("a field that is not indirect")
        if ref in seen or depth > 32:
            raise Malformed(f"field {ref.number} is met twice or stands too deep")
        seen.add(ref)
        if len(seen) > MAX_FIELDS:
            raise Malformed(f"more than {MAX_FIELDS} fields", limit=True)
        view.document.purse.meter.spend()
        dictionary = view.dictionary(ref, f"field {ref.number}")
        here = inherited.at(view, dictionary)
        children, widgets = _kids(view, dictionary)
        if b"T" in dictionary or not depth:
            yield Field(here.name, ref, dictionary, here.kind, here.value, widgets or ((ref, dictionary),))
        waiting += [(kid, here, depth + 1) for kid in reversed(children)]


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a field takes from above it: the name so far, its type, its value."""

    name: str
    kind: bytes
    value: Value

    def at(self, view: View, dictionary: Dictionary) -> _Inherited:
        name = view.get(dictionary, b"T")
        kind = view.get(dictionary, b"FT")
        partial = text_of(name.value) if isinstance(name, String) else ""
        return _Inherited(
            ".".join(part for part in (self.name, partial) if part),
            kind if isinstance(kind, Name) else self.kind,
            dictionary.get(b"V", self.value),
        )


def _kids(view: View, dictionary: Dictionary) -> tuple[list[Value], tuple[tuple[Ref, Dictionary], ...]]:
    """Fields below this one, and its own widgets: those kids that have no name of their own."""
    children: list[Value] = []
    widgets: list[tuple[Ref, Dictionary]] = []
    kids = view.array(dictionary.get(b"Kids"), "Kids")
    view.document.purse.meter.spend(2 * len(kids))
    for kid in kids:
        value = view.at(kid)
        if not isinstance(kid, Ref) or not isinstance(value, Dictionary):
            raise Malformed("a kid of a field is no indirect dictionary")
        if b"T" in value:
            children.append(kid)
        else:
            widgets.append((kid, value))
    return children, tuple(widgets)


def visible(view: View, field: Field) -> bool:
    """Whether a widget of this field takes room on a page; what cannot be told is taken as visible."""
    return any(_has_area(view, widget) for _, widget in field.widgets)


def _has_area(view: View, widget: Dictionary) -> bool:
    rectangle = view.get(widget, b"Rect")
    if rectangle is None:
        return False
    if not isinstance(rectangle, Array) or len(rectangle) != 4:
        return True
    left, low, right, high = (view.at(one) for one in rectangle)
    numbers = (left, low, right, high)
    if not all(isinstance(one, int | float) for one in numbers):
        return True
    return left != right and low != high


def is_stamp(signature: Dictionary) -> bool:
    """Whether a signature dictionary is a document time stamp (ISO 32000-2 12.8.5)."""
    return signature.get(b"SubFilter") == STAMP_FILTER or signature.get(b"Type") == b"DocTimeStamp"
