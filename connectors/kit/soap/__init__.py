"""SOAP without a SOAP library on the way: contracts compiled from a WSDL, messages built, checked and read (decision 0020)."""
