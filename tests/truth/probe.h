/*
 * probe.h - a program that does one thing with the network and says what it saw
 *
 * What it says is the same on any machine and at any speed: names of errors,
 * counts, hashes, orders. A step that cannot fail ends the program when it does.
 */
#ifndef TRUTH_PROBE_H
#define TRUTH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pattern.h"
#include "places.h"

struct behaviour {
    const char *name;
    void (*run)(void);
};

/* Each ends with a name that is NULL. */
extern const struct behaviour connect_behaviours[], stream_behaviours[], end_behaviours[],
    address_behaviours[], datagram_behaviours[], echo_behaviours[], many_behaviours[];

/* AF_INET or AF_INET6, and what else stands on the command line: numbers. */
extern int probe_family;
extern long probe_arguments[4];

/* A part of the one line that is printed: parts are separated by "; ". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of its own, behind that one, for who reads how a run went; it is not compared. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name of an errno; "ok" for 0. */
const char *name_of(int error);

/* End the program, saying what did not work, with errno. */
void give_up(const char *what) __attribute__((noreturn));

/* What poll(2) returned, as "IN OUT". Valid until the next call. */
const char *events_text(short events);

/* A place's address and a port, in the family of the run. Returns its length. */
socklen_t place(long number, long port, struct sockaddr_storage *ret);

/* An address in text, of either family. */
socklen_t address(const char *text, long port, struct sockaddr_storage *ret);

int new_socket(int type);
int error_of(int fd); /* SO_ERROR */
void set_int(int fd, int level, int name, int value);

/* 0 or the errno of connect(2). */
int connect_to(int fd, long number, long port);

/* Connected to a port of PLACE_WORLD. */
int dial(long port);
int dial_datagram(long port);

/* Returns how many bytes could not be sent: 0 is all. errno tells why. */
size_t write_all(int fd, const void *data, size_t length);

/* Read exactly so many bytes, or less where the end came; in ret with a 0 behind. */
size_t read_text(int fd, char *ret, size_t length);

/* Read to the end; 0 or how it ended instead. */
int read_all(int fd, struct pattern_hash *hash);

/* Read to the end, and say what was read. */
void say_rest(int fd);

/* Wait until one of these has come; returns all that poll(2) says. */
short wait_for(int fd, short events);

/* As above, until all of them have come: the kernel sets one after the other. */
short wait_for_all(int fd, short events);

/* Wait until the peer's kernel has all that was sent. */
void wait_confirmed(int fd);

void send_pattern(int fd, uint64_t bytes);
void expect_pattern(uint64_t bytes, struct pattern_hash *ret);
void open_gate(int port);
void reset_on_close(int fd);

/* Close, and wait until the peer has confirmed it: from then on the port is free. */
void close_confirmed(int fd);

/* Write a byte and read it back; 0 or an errno (EPIPE: the end came). */
int echo_byte(int fd, char byte);

#endif
