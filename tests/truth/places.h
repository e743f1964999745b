/*
 * places.h - where things are in the lab; read by the programs and by lab.py
 *
 * A place is the last number of an address: 203.0.113.N and 2001:db8:2::N.
 */
#ifndef TRUTH_PLACES_H
#define TRUTH_PLACES_H

#include <stdint.h>

#define PLACE_IPV4 "203.0.113."
#define PLACE_IPV6 "2001:db8:2::"

/* Where the servers are; NARROW is the same host behind a way with a small MTU. */
#define PLACE_WORLD 80
#define PLACE_NARROW 90

/* What the first router answers. */
#define PLACE_NET_UNREACHABLE 201
#define PLACE_HOST_UNREACHABLE 202
#define PLACE_PORT_UNREACHABLE 203
#define PLACE_ADMIN_PROHIBITED 204
#define PLACE_NET_PROHIBITED 205
#define PLACE_HOST_PROHIBITED 206
#define PLACE_HOLE 207
#define PLACE_RESETTING 208

/* What the host's own routes say. */
#define PLACE_LOCAL_UNREACHABLE 210
#define PLACE_LOCAL_PROHIBITED 211
#define PLACE_LOCAL_NO_ROUTE 212

/* The first router, and a multicast group that it is in. */
#define ROUTER_IPV4 "192.0.2.1"
#define ROUTER_IPV6 "2001:db8:1::1"
#define GROUP_IPV4 "239.1.2.3"
#define GROUP_IPV6 "ff05::1:2:3"

#define MTU_NARROW 1300

/* Of all connections to PORT_STALL. */
struct stall_state {
    uint64_t bytes;      /* written by the servers, ever */
    uint32_t open, full; /* how many there are, and on how many the server cannot write */
};

/* TCP. */
#define PORT_ECHO 2001
#define PORT_SINK 2002         /* reads to the end and answers "BYTES HASH" */
#define PORT_SOURCE 2003       /* sends as many bytes of the pattern as the first eight say */
#define PORT_DUPLEX 2004       /* both at once */
#define PORT_RESET 2005        /* resets at once */
#define PORT_RESET_LATE 2006   /* sends "bye", and resets when a byte comes */
#define PORT_WATCH 2007        /* reads, and tells how it ended */
#define PORT_HALF 2008         /* sends "half" and its end, then as WATCH */
#define PORT_UNREAD 2009       /* closes with bytes unread */
#define PORT_CLOSE 2010        /* reads a byte and closes */
#define PORT_URGENT 2011       /* tells what came, with the mark in it */
#define PORT_SHOUT 2012        /* a byte makes it send "ab!cd", where "!" is urgent */
#define PORT_SLEEPER 2013      /* as SINK, once its gate was opened */
#define PORT_SLOW_ACCEPT 2014  /* as ECHO; accepts once its gate was opened */
#define PORT_BACKLOG 2015      /* as SLOW_ACCEPT, with room for one */
#define PORT_GATE 2016         /* opens once the gate of the port that it is sent */
#define PORT_VANISH 2017       /* echoes two bytes, then forgets the connection */
#define PORT_VANISHED 2018     /* closes when that has happened */
#define PORT_PEER 2019         /* tells whom it sees */
#define PORT_PAIRS 2020        /* answers each second byte */
#define PORT_PIECES 2021       /* answers each read with its length */
#define PORT_LOSS 2022         /* as ECHO; the first router loses each first SYN */
#define PORT_SHORT 2023        /* sends "x" and closes */
#define PORT_CROWD 2024        /* echoes, for thousands */
#define PORT_ANSWER_CLOSE 2025 /* reads to the end, sends "done", closes */
#define PORT_STALL 2026        /* writes as long as it is taken, and reads nothing */
#define PORT_STALL_STATE 2027  /* tells for each byte a stall_state */
#define PORT_ENDLESS 2028      /* sends the pattern until the client's end comes */
#define PORT_CLOSED 2099

/* What the probe binds. The host gives these to nobody else: see way.py. */
#define PORT_OWN_SHORT 33333
#define PORT_OWN_RESET 33334
#define PORT_OWN_SHARED 33335

/* UDP. */
#define PORT_THRICE 2101    /* three replies; ECHO is served too */
#define PORT_ELSEWHERE 2102 /* replies from another port, then from this one */
#define PORT_DATAGRAM_PEER 2103
#define PORT_LENGTH 2104 /* replies with length and hash */
#define PORT_HOPS 2105   /* replies with the hop limit that arrived */
#define PORT_GROUP 2106  /* echo on the first router, to the group too */
#define PORT_TWICE 2107  /* tells whether who comes twice comes from one port */

#endif
