/* Placeholder until the room has its first source. */
typedef int cf_audit_placeholder;
