/*
 * lab.h - user and network namespaces for a test program
 */
#ifndef CF_TESTS_NETLINK_LAB_H
#define CF_TESTS_NETLINK_LAB_H

#include <stdbool.h>

#include "netlink/gateway.h"

/*
 * Run tests in a user namespace and a network namespace of their own: as root
 * and as an ordinary user when started by root, else as the caller. Returns
 * the exit status: 77, with the reason printed, where namespaces are refused.
 */
int lab_run(int (*tests)(void));

/* cf_gateway_start(), cf_gateway_configure() and cf_gateway_finish() in one. */
int lab_gateway_open(const struct cf_gateway_config *config, struct cf_gateway **ret,
                     struct cf_error *err);

/* A socket of another network namespace, non-blocking. */
int lab_socket(int netns_fd, int domain, int type, int protocol);

/* Descriptors and threads of this process. */
int lab_count_descriptors(void);
int lab_count_threads(void);

/*
 * Wait until there are so many threads: one that was joined leaves /proc a
 * moment later. False after a minute.
 */
bool lab_wait_threads(int count);

#endif
