/* Placeholder until the room has its first source. */
typedef int cf_dns_placeholder;
