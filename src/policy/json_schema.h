/*
 * json_schema.h - the table of keys as a JSON schema, for editors
 */
#ifndef CF_POLICY_JSON_SCHEMA_H
#define CF_POLICY_JSON_SCHEMA_H

#include "base/buffer.h"

/*
 * schema/childflow-policy-v1.schema.json (JSON Schema, draft 2020-12): the
 * keys that are built in this version. It refuses nothing that the reader
 * takes; what a schema cannot say (an endpoint's grammar) is left to the
 * reader. Returns 0 or -ENOMEM.
 */
int cf_json_schema_write(struct cf_buffer *buffer);

#endif
