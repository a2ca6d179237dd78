"""Profile `dancu`: the SOAP messages of CSDLQG về dân cư (identity facts 2, 6); `contract/` holds its WSDL and schemas."""
