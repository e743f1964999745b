# What this folder ships.
dist_doc_DATA += schema/childflow-audit-v1.schema.json
