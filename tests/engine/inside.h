/*
 * inside.h - what programs in the sandbox do: each function returns 0 when all was as it should
 */
#ifndef CF_TESTS_ENGINE_INSIDE_H
#define CF_TESTS_ENGINE_INSIDE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Ports that a connection of ours is bound to. The kernel gives out none of them (ip(7),
 * ip_local_port_range): one that it gave to an earlier connection is in TIME_WAIT for a minute.
 */
#define INSIDE_OWN_PORT 20333 /* of inside_source_port_reuse() */
#define INSIDE_ONE_PORT 20344 /* of inside_dns_from_one_port() */

/* Send until something comes back: routers tell of errors only so often. -1 with errno. */
ssize_t inside_ask(int fd, const void *out, size_t length, void *in, size_t size);
/* One echo request with so much data; 0 when its reply came, else errno. */
int inside_ping_error(const char *text, size_t length);

int inside_connect_ends_as_outside(void);
int inside_denied_at_once(void);
int inside_denied_many_times(void);
int inside_black_hole(void);
int inside_refused_once(void);
int inside_echo_both_families(void);
int inside_upload(void);
int inside_download(void);
int inside_half_close(void);
int inside_half_close_of_server(void);
int inside_server_speaks_first(void);
int inside_reset_of_server(void);
int inside_reset_of_client(void);
int inside_ping_pong(void);
int inside_urgent_out(void);
int inside_urgent_in(void);
int inside_source_port_reuse(void);
int inside_crowd(void);
int inside_slow_reader_and_another(void);
int inside_upload_and_leave(void);
int inside_udp_echo(void);
int inside_udp_refused(void);
int inside_udp_denied(void);
int inside_udp_send_and_leave(void);
int inside_ping(void);
int inside_ping_denied(void);
int inside_dns_over_tcp(void);
int inside_dns_from_one_port(void);
int inside_host_port(void);
int inside_protocol(void);
int inside_audit_mode(void);

#endif
