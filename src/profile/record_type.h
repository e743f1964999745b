/*
 * record_type.h - DNS record types by name
 *
 * The names of IANA's registry "Resource Record (RR) TYPEs"; every other type
 * is TYPE and its number (RFC 3597, 5).
 */
#ifndef CF_PROFILE_RECORD_TYPE_H
#define CF_PROFILE_RECORD_TYPE_H

#include <stddef.h>
#include <stdint.h>

/* "TYPE65535" and "NSEC3PARAM", with room. */
#define CF_RECORD_TYPE_SIZE 24

/* A static text, or text. */
const char *cf_record_type_format(uint16_t type, char text[CF_RECORD_TYPE_SIZE]);

/* From a name in capitals, or "TYPE255"; 0 or -EINVAL. Type 0 is reserved (RFC 6895, 3.1). */
int cf_record_type_parse(const char *text, uint16_t *ret_type);

/* Every name, for messages and schemas. Static. */
const char *const *cf_record_type_names(size_t *ret_n);

#endif
