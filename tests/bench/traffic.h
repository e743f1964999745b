/*
 * traffic.h - small clients and a server, for what iperf3 does not measure
 *
 * Each client prints one line of JSON. All times are of CLOCK_MONOTONIC.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <netinet/in.h>
#include <stddef.h>

/* One datagram, and how many go in one system call. */
#define DATAGRAM_BYTES 64
#define DATAGRAM_BATCH 32

/* Seconds since some moment. */
double clock_seconds(void);

/* The value below which the given share (0 to 1) lies; sorts values. */
double share_below(double *values, size_t count, double share);

/* Print what was being done and errno; returns 1, an exit status. */
int fail(const char *what);

/*
 * A TCP connection; seconds that connect() took go to took when that is
 * given. Returns a descriptor, or -1 with errno set.
 */
int tcp_open(const struct sockaddr_in *to, double *took);

/* Send a byte and wait for one; 0, or -1 with errno set. */
int byte_exchange(int fd);

/*
 * Answer each byte with a byte, at ports one after another from the one in at,
 * and each datagram with itself at the first; for ever.
 */
int serve(const struct sockaddr_in *at, int ports);

/* Connect, exchange a byte, close: count times, by workers side by side. */
int connects(const struct sockaddr_in *to, int count, int workers);

/* Exchange single bytes over one connection, count times. */
int pingpong(const struct sockaddr_in *to, int count);

/* Datagrams there and back: count one by one, then as many as go in ms. */
int datagrams(const struct sockaddr_in *to, int count, int ms);

/* Names that no run before has asked for, one after the other. */
int queries(const struct sockaddr_in *to, int count, int run);

/* Hold as many connections as each line of the input says; answer with how many are open. */
int hold(const struct sockaddr_in *to);

#endif
