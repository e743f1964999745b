# What this folder ships.
dist_doc_DATA += schema/childflow-audit-v1.schema.json
dist_doc_DATA += schema/childflow-policy-v1.schema.json
