"""What one revision did to a document that was signed before it, by a closed list of what it may do (signing facts 5.2 step 5).

Allowed are further signature fields and signatures, the document security store, and document time stamps; what a writer of
those touches with them (the catalog, the form, Annots of a page, a date in Info) is compared key by key. Every other object that
existed must be as it was. ISO 32000-2 12.8.2.2.2 and the shadow attacks (NDSS 2021) say why nothing is taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from signing.pdf.document import View
from signing.pdf.fields import Field, fields_of, form_of, is_stamp, visible
from signing.pdf.graph import TRAILER, Graph, Holder, closure
from signing.pdf.metadata import info_fault, xmp_fault
from signing.pdf.region import region_fault
from signing.pdf.syntax import Array, Dictionary, Malformed, Name, Ref, Stream, Value, has_twins, references, same

_CATALOG_MAY = frozenset({b"AcroForm", b"DSS", b"Extensions", b"Metadata", b"Version"})
_FORM_MAY = frozenset({b"Fields", b"SigFlags", b"DR", b"DA", b"NeedAppearances"})
_SIGNING_MAY = frozenset({b"V", b"AP", b"AS", b"F", b"Ff", b"DA", b"Q", b"M", b"Type"})
_WIDGET_MAY = frozenset({b"AP", b"AS", b"F", b"M"})
_FIELD_HELD_BY = frozenset({b"Fields", b"AcroForm", b"Annots", b"Kids", b"Parent", b"CO", b"K", b"Obj"})
"""Keys under which a field or widget is referred to as such: form, page, tree of fields, order of calculation, structure."""
_ACTIONS = frozenset({b"A", b"AA", b"PA", b"Dest"})


@dataclass(slots=True)
class Change:
    """What a revision did. `faults`: what it may not do, for experts; the others: names of fields.

    `signed`: fields that got a signature; `stamped`: a document time stamp; `created`: new fields; `shown`: new and visible ones.
    """

    faults: list[str] = field(default_factory=list)
    signed: set[str] = field(default_factory=set)
    stamped: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)


def compare(old: View, new: View) -> Change:
    """What the revision of `new` did to `old`, the view right before it. What cannot be read is a fault."""
    comparison = _Comparison(old, new)
    try:
        comparison.run()
    except Malformed as malformed:
        comparison.change.faults.append(malformed.detail)
    return comparison.change


class _Comparison:
    """One comparison. `overridden`: objects that existed and stand elsewhere now; `explained`: those that a rule has cleared."""

    def __init__(self, old: View, new: View) -> None:
        self.old, self.new = old, new
        self.change = Change()
        self.explained: set[int] = set()
        self.overridden: set[int] = set()
        self.added: set[int] = set()
        self.new_widgets: set[Ref] = set()
        self.fields_holder: Holder = (TRAILER, b"")
        self._array_roles: dict[int, frozenset[bytes]] = {}

    def fault(self, text: str) -> None:
        """Notes what is not allowed."""
        self.change.faults.append(text)

    def run(self) -> None:
        """All rules, then: nothing is left that no rule has cleared."""
        self._sort_entries()
        fault = region_fault(self.old, self.new)
        if fault:
            self.fault(fault)
        self.store = closure(self.old, self.old.catalog.get(b"DSS"))
        self.graph = Graph(self.old, frozenset(self.overridden | self.added | self.store))
        for number in sorted(self.added):
            if self.graph.holders[number]:
                self.fault(f"object {number} was referred to before it existed")
        self._trailer()
        self._catalog()
        self._form()
        self._pages()
        self._security_store()
        # What an object stream holds changes with it, whatever else refers to it.
        self.explained -= self.graph.containers
        for number in sorted(self.overridden - self.explained):
            if not self.graph.unreachable(number) and not self._unchanged(number):
                self.fault(f"object {number} was changed")

    def _sort_entries(self) -> None:
        for number, entry in self.new.document.revisions[self.new.index].entries.items():
            before = self.old.entry(number)
            if number == 0 or before == entry:
                continue
            if entry.kind == 0:
                if before is not None:
                    self.fault(f"object {number} was removed")
            elif before is None:
                self.added.add(number)
            else:
                self.overridden.add(number)
                if (before.detail if before.kind == 1 else 0) != (entry.detail if entry.kind == 1 else 0):
                    self.fault(f"object {number} has another generation")

    def _explain(self, value: Value, allowed: set[Holder]) -> None:
        """Clears an indirect object whose old and new content a rule has just compared, when nothing else refers to it."""
        if (
            isinstance(value, Ref)
            and value.number in self.overridden
            and self.graph.only_through(value.number, allowed)
        ):
            self.explained.add(value.number)

    def _unchanged(self, number: int) -> bool:
        old, new = self.old.load(self._ref(self.old, number)), self.new.load(self._ref(self.new, number))
        if isinstance(old, Stream) and isinstance(new, Stream):
            return same(old.dictionary, new.dictionary) and self.old.content(old) == self.new.content(new)
        return same(old, new)

    @staticmethod
    def _ref(view: View, number: int) -> Ref:
        entry = view.entry(number)
        return Ref(number, entry.detail if entry and entry.kind == 1 else 0)

    def _equal_but(self, what: str, old: Dictionary, new: Dictionary, may: frozenset[bytes]) -> None:
        """Two dictionaries agree in every key that is not in `may`."""
        if has_twins(old) or has_twins(new):
            self.fault(f"{what}: a key stands twice")
        for key in sorted((old.keys() | new.keys()) - may):
            if key not in old or key not in new or not same(old[key], new[key]):
                self.fault(f"{what}: {key.decode('latin-1')[:32]!r} was changed")

    def _trailer(self) -> None:
        if self.new.root != self.old.root and self.new.root.number not in self.added:
            self.fault("the catalog is an object that was there before")
        if self.new.document.revisions[self.new.index].hybrid:
            self.fault("a hybrid cross-reference after the signature")
        before, now = self.old.info, self.new.info
        if now is not None and (before != now or (isinstance(now, Ref) and now.number in self.overridden)):
            fault = info_fault(self._or_empty(self.old, before), self._or_empty(self.new, now))
            if fault:
                self.fault(fault)
            self._explain(now, {(TRAILER, b"Info")})

    @staticmethod
    def _or_empty(view: View, value: Value) -> Dictionary:
        return Dictionary() if view.at(value) is None else view.dictionary(value, "a dictionary")

    def _catalog(self) -> None:
        old, new = self.old.catalog, self.new.catalog
        self._equal_but("catalog", old, new, _CATALOG_MAY)
        if not isinstance(new.get(b"Version"), Name | None):
            self.fault("catalog: Version is no name")
        fault = xmp_fault(self.old, self.new)
        if fault:
            self.fault(fault)
        self._explain(new.get(b"Metadata"), {(self.old.root.number, b"Metadata")})
        extensions = new.get(b"Extensions")
        if any(references(self.new.at(extensions))):
            self.fault("catalog: Extensions refers to other objects")
        self._explain(extensions, {(self.old.root.number, b"Extensions")})
        if self.old.root.number in self.overridden:
            self.explained.add(self.old.root.number)

    def _form(self) -> None:
        old, new = form_of(self.old) or Dictionary(), form_of(self.new) or Dictionary()
        old_fields, new_fields = fields_of(self.old), fields_of(self.new)
        self._equal_but("AcroForm", old, new, _FORM_MAY)
        if self.new.get(new, b"NeedAppearances") is True and self.old.get(old, b"NeedAppearances") is not True:
            self.fault("AcroForm: NeedAppearances was set")
        if not all(one.is_signature for one in old_fields):
            self._equal_but("AcroForm", old, new, _FORM_MAY - {b"DR", b"DA"})
        self._top_fields(old, new)
        before = {one.ref: one for one in old_fields}
        for one in new_fields:
            known = before.pop(one.ref, None)
            if known is None:
                self._created(one)
            else:
                self._kept(known, one)
        for gone in before.values():
            self.fault(f"field {gone.name[:64]!r} was removed")
        root = self.old.root.number
        self._explain(self.new.catalog.get(b"AcroForm"), {(root, b"AcroForm")})

    def _top_fields(self, old: Dictionary, new: Dictionary) -> None:
        """The Fields array only grows, and only by new objects."""
        before, now = self.old.array(old.get(b"Fields"), "Fields"), self.new.array(new.get(b"Fields"), "Fields")
        if [one for one in now if one in before] != before:
            self.fault("AcroForm: Fields lost or moved a field")
        for one in now:
            if one not in before and not (isinstance(one, Ref) and one.number in self.added):
                self.fault("AcroForm: Fields took up an object that was there before")
        form = self.old.catalog.get(b"AcroForm")
        holder = form.number if isinstance(form, Ref) else self.old.root.number
        key = b"Fields" if isinstance(form, Ref) else b"AcroForm"
        self.fields_holder = (holder, key)
        self._explain(new.get(b"Fields"), {self.fields_holder})

    def _created(self, new: Field) -> None:
        """A new field is a signature field, made of new objects, without actions; seen only when it is signed."""
        if not new.is_signature:
            self.fault(f"field {new.name[:64]!r} of another kind than signature was added")
            return
        self.change.created.add(new.name)
        for ref, widget in (*new.widgets, (new.ref, new.dictionary)):
            if ref.number not in self.added:
                self.fault(f"field {new.name[:64]!r} took up object {ref.number}, which was there before")
            if _ACTIONS & widget.keys():
                self.fault(f"field {new.name[:64]!r} has actions")
            self.new_widgets.add(ref)
        if visible(self.new, new):
            self.change.shown.add(new.name)
        if new.value is not None:
            self._signed(new)
        elif visible(self.new, new) and any(b"AP" in widget for _, widget in new.widgets):
            self.fault(f"field {new.name[:64]!r} is shown but not signed")

    def _kept(self, old: Field, new: Field) -> None:
        """A field that was there: as it was, or an empty signature field that is signed now."""
        if old.name != new.name or old.kind != new.kind:
            self.fault(f"field {old.name[:64]!r} has another name or type")
        signing = new.is_signature and old.value is None and new.value is not None
        if not signing:
            return
        self._equal_but(f"field {new.name[:64]!r}", old.dictionary, new.dictionary, _SIGNING_MAY)
        self._explain_field(new.ref)
        before = dict(old.widgets)
        for ref, widget in new.widgets:
            if ref != new.ref and ref in before:
                self._equal_but(f"widget {ref.number}", before[ref], widget, _WIDGET_MAY)
                self._explain_field(ref)
        self._signed(new)

    def _explain_field(self, ref: Ref) -> None:
        """Clears a field or widget that nothing takes for something else: its keys mean more to an action or to layers."""
        holders = self.graph.holders.get(ref.number, set())
        roles = {key for holder, key in holders if key} | {
            key for holder, key in holders if not key for key in self._roles_of_array(holder)
        }
        if roles <= _FIELD_HELD_BY:
            self.explained.add(ref.number)

    def _roles_of_array(self, number: int) -> frozenset[bytes]:
        """The keys under which an indirect array is referred to by anything that was read."""
        if number not in self._array_roles:
            links = self.new.document.links.values()
            self.new.document.purse.meter.spend(len(links))
            self._array_roles[number] = frozenset(key for one in links for target, key in one if target == number)
        return self._array_roles[number]

    def _signed(self, new: Field) -> None:
        signature = self.new.at(new.value)
        if (
            not isinstance(new.value, Ref)
            or new.value.number not in self.added
            or not isinstance(signature, Dictionary)
        ):
            self.fault(f"field {new.name[:64]!r}: its signature is no new object")
        elif not is_stamp(signature):
            self.change.signed.add(new.name)
        else:
            self.change.stamped.add(new.name)
            if visible(self.new, new) and any(b"AP" in widget for _, widget in new.widgets):
                self.fault(f"field {new.name[:64]!r}: a document time stamp with an appearance")

    def _pages(self) -> None:
        """Pages, and arrays that are Annots of pages: they gain the widgets of new signature fields and nothing else."""
        for number in sorted(self.overridden - self.explained):
            old, new = self.old.load(self._ref(self.old, number)), self.new.load(self._ref(self.new, number))
            if isinstance(old, Dictionary) and isinstance(new, Dictionary) and old.get(b"Type") == b"Page":
                self._equal_but(f"page {number}", old, new, frozenset({b"Annots"}))
                self._grown(
                    f"page {number}", *(view.array(one.get(b"Annots"), "Annots") for view, one in self._both(old, new))
                )
                self.explained.add(number)
            elif isinstance(old, Dictionary) and isinstance(new, Dictionary) and old.get(b"Type") == b"Pages":
                self._equal_but(f"page tree {number}", old, new, frozenset({b"ITXT"}))
                self.explained.add(number)
            elif isinstance(old, Array) and isinstance(new, Array) and self._are_annotations(number):
                self._grown(f"Annots {number}", old, new)
                self.explained.add(number)

    def _both(self, old: Dictionary, new: Dictionary) -> Iterable[tuple[View, Dictionary]]:
        return ((self.old, old), (self.new, new))

    def _are_annotations(self, number: int) -> bool:
        """Whether this array is Annots of pages, or Fields besides, and nothing else."""
        for holder, key in self.graph.holders[number] - {self.fields_holder}:
            page = self.old.load(self._ref(self.old, holder)) if holder else None
            direct = page.get(key) if isinstance(page, Dictionary) and key == b"Annots" else None
            if not isinstance(direct, Ref) or direct.number != number:
                return False
        return bool(self.graph.holders[number])

    def _grown(self, what: str, old: Array, new: Array) -> None:
        if new[: len(old)] != old:
            self.fault(f"{what}: annotations were removed or moved")
        elif not all(isinstance(one, Ref) and one in self.new_widgets for one in new[len(old) :]):
            self.fault(f"{what}: annotations were added")

    def _security_store(self) -> None:
        """Objects that are reached through the DSS alone may change: what they hold is evidence, judged like any other."""
        self.explained |= self.graph.only_below(self.store, (self.old.root.number, b"DSS"))
