/*
 * world.h - a fake internet for the engine's tests: a network namespace behind a veth
 *
 * A process of its own answers there at WORLD_IPV4 and WORLD_IPV6, and routes
 * to networks that end in each kind of ICMP error.
 */
#ifndef CF_TESTS_ENGINE_WORLD_H
#define CF_TESTS_ENGINE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORLD_IPV4 "192.0.2.1"
#define WORLD_IPV6 "2001:db8:1::1"

/* Where packets end, by the kind of route that the world has to them. */
#define WORLD_UNREACHABLE_IPV4 "203.0.113.1"
#define WORLD_UNREACHABLE_IPV6 "2001:db8:2::1"
#define WORLD_PROHIBITED_IPV4 "203.0.114.1"
#define WORLD_BLACKHOLE_IPV4 "203.0.115.1"
#define WORLD_NO_ROUTE_IPV4 "203.0.116.1"
#define WORLD_NO_ROUTE_IPV6 "2001:db8:3::1"

/* What listens, TCP. */
enum world_port {
    WORLD_ECHO = 7001,   /* sends back what comes, until the end; UDP too */
    WORLD_SINK,          /* reads to the end, then sends the hash of it (8 bytes) */
    WORLD_SOURCE,        /* sends WORLD_BULK bytes of the pattern and ends */
    WORLD_GREET,         /* speaks first: "hello" */
    WORLD_RESET,         /* sends "bye", then resets */
    WORLD_WATCH,         /* reads until an error, which it tells in world_shared */
    WORLD_URGENT,        /* reads to the urgent mark and tells what it saw */
    WORLD_HALF,          /* sends "half", ends, reads to the end, tells how much */
    WORLD_CROWD,         /* takes WORLD_CROWD_SIZE connections, then echoes a byte on each */
    WORLD_SHORT,         /* sends one byte and closes first */
    WORLD_FULL,          /* room for one connection until world_accept(); echoes then */
    WORLD_SHOUT,         /* sends "ab", the urgent byte "!", "cd", and ends */
    WORLD_THRICE = 7050, /* UDP: three replies to each datagram */
    WORLD_CLOSED = 7099, /* nothing */
};

#define WORLD_BULK (100u << 20)
#define WORLD_CROWD_SIZE 2000

struct world_shared { /* between processes; told through world_wait() */
    volatile int told;
    volatile int accepting;
    volatile int error;
    volatile uint64_t bytes;
    volatile uint64_t hash;
    char text[64];
};

/*
 * Make the namespace, the link and the routes of the caller's namespace, and
 * start the services. Returns 0, or -1 with a message on stderr.
 */
int world_start(void);
void world_stop(void);

/*
 * From now on the link to the world takes only packets of at most so many bytes,
 * Ethernet's header included; a larger one is lost, and who sends it and wants to
 * know gets ENOBUFS. 0: it takes all, as in the beginning. Returns 0 or -errno.
 */
int world_queue(uint32_t bytes);

extern struct world_shared *world_shared;

/* Forget what was told; then wait until something is. Any process may tell. */
void world_expect(void);
void world_wait(void);
void world_tell(void);

/* Let WORLD_FULL accept from now on; from any process. */
void world_accept(void);

/* The byte at this offset of the pattern that bulk transfers carry. */
uint8_t world_pattern(uint64_t offset);
void world_pattern_fill(uint64_t offset, uint8_t *bytes, size_t length);
uint64_t world_hash(uint64_t hash, const uint8_t *bytes, size_t length);

#endif
