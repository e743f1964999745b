"""What the engine was asked to be true to, and the tests that show it, by name.

A name alone is a case of cases.py; one with a file before it is a test of that file. A name that is nowhere
is an error.
"""
import pathlib

TESTS = pathlib.Path(__file__).resolve().parent.parent
EXHAUSTED, HITS, LIVE = "engine/test_exhausted.c", "engine/test_hits.c", "e2e/cases/live.py"
CLIENTS = "e2e/cases/clients.py"

ITEMS = [
    ("connect: refused", ["a connect to a closed port is refused", "200 connects that are refused, one after the other",
                          "a connect of an event loop is refused"]),
    ("connect: reset", ["a connect that a router resets",
                        "a reset of the server, at once (connect or the first read has it)"]),
    ("connect: unreachable", ["a connect to an unreachable network", "a connect to an unreachable host",
                              "a connect of an event loop to an unreachable host"]),
    ("connect: prohibited", ["a connect that a router prohibits", "a connect to a prohibited network",
                             "a connect to a prohibited host", "a connect of an event loop that a router prohibits"]),
    ("connect: black hole", ["a connect into a black hole", "a connect into a black hole with TCP_USER_TIMEOUT"]),
    ("connect: slow accept", ["a server that accepts late"]),
    ("connect: SYN retransmit", ["a SYN that is lost"]),
    ("connect: backlog full", ["a backlog that is full", "a backlog that is full for a while"]),
    ("data: 1 GiB, equal by hash, both ways", ["{n} MiB up", "{n} MiB down"]),
    ("data: half-close in each direction", ["a half-close of the program", "a half-close of the server"]),
    ("data: RST in each direction", ["a reset of the server, behind data", "a reset of the program, behind data (linger 0)"]),
    ("data: linger 0", ["a reset of the program, behind data (linger 0)", "a reset of the program, without data"]),
    ("data: 1-byte ping-pong", ["single bytes back and forth"]),
    ("data: 20 MB to a reader that sleeps", ["20 MB to a reader that sleeps",
                                             "20 MB from a server to a program that sleeps"]),
    ("data: writer to a closed peer", ["writes to a peer that has closed", "writes to a peer that has reset", "SIGPIPE"]),
    ("data: urgent data", ["an urgent byte of the program", "an urgent byte of the server, in the stream",
                           "an urgent byte of the server, beside the stream"]),
    ("data: SO_KEEPALIVE", ["SO_KEEPALIVE on an idle connection", "SO_KEEPALIVE when the peer has vanished"]),
    ("data: TCP_NODELAY", ["write, write, read with TCP_NODELAY", "write, write, read with Nagle's algorithm",
                           "writes with TCP_NODELAY arrive one by one",
                           "engine/test_engine.c: small_segments_wait_at_neither_end"]),
    ("data: writes of 24 bytes to 64 KiB", ["writes of 24 bytes to 64 KiB"]),
    ("addresses: getpeername", ["getpeername"]),
    ("addresses: getsockname", ["getsockname"]),
    ("addresses: a source port twenty times", ["one source port, twenty times",
                                               "one source port, twenty times with a reset"]),
    ("addresses: IPv4-mapped sockets", ["an IPv6 socket to an IPv4 server", "an IPv6 socket that wants no IPv4"]),
    ("UDP: the same source port for replies", ["a conversation has one source port"]),
    ("UDP: several replies", ["several replies to one datagram"]),
    ("UDP: 60,000 bytes", ["datagrams of 60,000 bytes", "datagrams of 65,507 bytes"]),
    ("UDP: fragments", ["datagrams of 1,473 bytes", "datagrams of 9,000 bytes"]),
    ("UDP: ECONNREFUSED on a closed port", ["a closed port, with a connected socket",
                                            "a closed port, with an unconnected socket",
                                            "a closed port, with a socket that wants errors"]),
    ("UDP: connected and unconnected", ["a connected socket", "an unconnected socket"]),
    ("UDP: idle expiry", ["a conversation that has been idle goes on",
                          f"{EXHAUSTED}: conversations_end_when_they_are_idle",
                          f"{EXHAUSTED}: a_conversation_that_was_forgotten_goes_on"]),
    ("UDP: multicast refused", ["a datagram to a multicast group"]),
    ("ICMP: ping, ping6", ["ping with 56 bytes", f"{CLIENTS}: ping, IPv4 and IPv6, of 56 and of 8,000 bytes"]),
    ("ICMP: ping -s 8000", ["ping with 8,000 bytes", f"{CLIENTS}: ping, IPv4 and IPv6, of 56 and of 8,000 bytes"]),
    ("ICMP: traceroute", ["traceroute by UDP", "traceroute by ICMP", "traceroute by TCP to an open port",
                          "traceroute by TCP to a closed port"]),
    ("many: 5,000 connections held", ["{n} connections held"]),
    ("many: 2,000 opened at once", ["{n} connections opened at once"]),
    ("many: 20,000 one after the other", ["{n} connections, one after the other"]),
    ("a bad flow neither delays nor ends another", ["connections beside 50 that nobody answers",
                                                    "a connection beside ten that are full in both directions",
                                                    "a stream beside 200 connections that are reset",
                                                    "a connection beside 200 connects that fail",
                                                    "a connection beside datagrams that nobody reads"]),
    ("limits: connections", [f"{HITS}: flows_beyond_connections_are_denied_until_one_ends"]),
    ("limits: new connections a second", [f"{HITS}: flows_that_come_too_fast_are_denied"]),
    ("limits: bytes", [f"{HITS}: not_one_byte_passes_beyond_the_limit", f"{HITS}: as_many_bytes_as_the_limit_pass",
                       f"{HITS}: a_datagram_that_does_not_fit_ends_its_flow",
                       "e2e/cases/threads.py: egress.limits.bytes is met to the byte by connections on several threads"]),
    ("limits: denied, and logged once (in each of those)", [f"{HITS}: check_denials"]),
    ("no descriptors (EMFILE)", [f"{EXHAUSTED}: flows_without_descriptors_are_denied_and_the_others_live",
                                 f"{EXHAUSTED}: datagrams_without_descriptors_are_denied_once_each",
                                 f"{EXHAUSTED}: strangers_are_refused_without_descriptors_too",
                                 f"{EXHAUSTED}: without_any_descriptor_the_listener_pauses",
                                 "a conversation that had to make room for others goes on"]),
    ("ENOBUFS", [f"{EXHAUSTED}: datagrams_that_the_host_has_no_room_for_are_lost",
                 f"{EXHAUSTED}: pings_that_the_host_has_no_room_for_are_lost",
                 f"{EXHAUSTED}: lost_syns_come_again_and_are_counted"]),
    ("a full accept queue", [f"{EXHAUSTED}: a_full_queue_of_the_listener_loses_no_connection",
                             f"{EXHAUSTED}: a_full_server_holds_up_only_those_who_want_it"]),
    ("--live: the line", [f"{LIVE}: --live keeps a line on the terminal, which goes before anything else is printed",
                          "report/test_live.c: the_line_says_what_is_open_moved_asked_and_denied"]),
    ("--live: only when asked", [f"{LIVE}: a terminal has no line without --live",
                                 f"{LIVE}: --live without a terminal that can show it refuses the run"]),
    ("SIGUSR1 prints the flow table", [f"{LIVE}: SIGUSR1 prints the flows that are open, with name, bytes, process and rule",
                                       f"{LIVE}: SIGUSR1 with no flow open prints that, each time, and the command "
                                       "does not get it"]),
]


def shown(name, cases):
    """A name as it stands in the table."""
    file, colon, rest = name.partition(": ")
    if colon and (TESTS / file).is_file():
        if rest not in (TESTS / file).read_text(encoding="utf-8"):
            raise SystemExit(f"tests/truth/items.py: tests/{file} has no {rest!r}")
        return f"`tests/{file}`: {rest}"
    found = [case.name for case in cases if name in (case.name, case.pattern)]
    if not found:
        raise SystemExit(f"tests/truth/items.py: there is no case {name!r}")
    return found[0]


def rows(cases):
    yield "| what was asked for | where it is shown |"
    yield "|---|---|"
    for item, names in ITEMS:
        yield f"| {item} | {'<br>'.join(shown(name, cases) for name in names)} |"
