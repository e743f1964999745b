/* Placeholder until the room has its first source. */
typedef int cf_sandbox_placeholder;
