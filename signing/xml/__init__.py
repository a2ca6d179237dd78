"""XML signatures: XMLDSig and XAdES read into facts, and the profiles P-XML-B and P-XML-T made.

Readers: `read_xml` (facts), `covered_bytes` (what a business reader may parse, nothing else). Making: `signing.xml.making`.
"""

from signing.xml.reading import covered_bytes, read_wanted, read_xml
from signing.xml.signature import Wanted

__all__ = ["Wanted", "covered_bytes", "read_wanted", "read_xml"]
