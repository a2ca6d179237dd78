"""Profile vnpt: the SOAP services of payment facts 7.2; contract/ holds their WSDL, written from those facts."""
