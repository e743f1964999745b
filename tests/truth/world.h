/*
 * world.h - what the servers of the lab have in common
 */
#ifndef TRUTH_WORLD_H
#define TRUTH_WORLD_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

#include "pattern.h"
#include "places.h"

/* One port of TCP. */
struct server {
    int port;
    int backlog;
    bool gated; /* accepts once the gate was opened, each time */
    void (*serve)(int fd);
    int fd;
    sem_t gate;
};

/* Ends with a port of 0. */
extern struct server world_servers[];

/* Posted when a connection of PORT_VANISH is forgotten. */
extern sem_t world_vanished;

/* The server of a port that is in the table. */
struct server *server_find(int port);

/* End the program, saying what failed, with errno. */
void die(const char *what) __attribute__((noreturn));

/* A line for the runner; whole, whatever other threads say. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* False when the connection takes no more. */
bool write_all(int fd, const void *data, size_t length);

void set_on(int fd, int level, int name);

/* A thread that nobody waits for. */
void thread_start(void *(*run)(void *), void *data);

/* Serve a port of UDP at an address of the world: a prefix of places.h and a place. */
void datagrams_start(const char *prefix, int place, int port);

/* Echo at PORT_GROUP on a router, to datagrams for it and for a group, in the order of arrival. */
void group_start(const char *interface);

#endif
