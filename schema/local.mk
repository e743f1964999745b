# What this folder ships; installed beside policies/, whose first lines lead here.
schemadir = $(pkgdatadir)/schema
dist_schema_DATA = schema/childflow-audit-v1.schema.json \
	schema/childflow-check-v1.schema.json \
	schema/childflow-explain-v1.schema.json \
	schema/childflow-policy-v1.schema.json
