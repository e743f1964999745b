"""What is compared: what a program sees directly and through childflow.

A case is one behaviour of truth_probe and the exact text that it prints directly. Through childflow the
text must be the same, unless the case says what it is there, and why. A text for IPv6 is given only
where it is another than for IPv4.
"""
import os

import way

CASES = []
SCALE = float(os.environ.get("CHILDFLOW_TRUTH_SCALE", "1"))     # of what is large or many
HASH64 = "67108864 d2f3db0fb291a4fb"


class Case:
    def __init__(self, group, name, probe, text, text6=None, through=None, through6=None, why=None,
                 families="46", server=0, files=None, waits=False, until=None, number=None):
        number = number and max(1, int(number * SCALE))
        values = {"n": number, "twice": number and 2 * number, "bytes": number and number << 20}

        def filled(value):
            return value and value.format(**values)
        self.group = group
        self.pattern, self.name = name, name.format(**values)
        self.probe = [way.PLACES.get(word, word) for word in filled(probe).split()]
        self.families = families
        direct = {"4": filled(text), "6": filled(text6 or text)}
        other = {"4": filled(through), "6": filled(through6 or through)}
        self.direct = direct
        self.through = {family: other[family] or direct[family] for family in "46"}
        self.why = why
        self.server = server    # lines that the servers tell, part of the text
        self.files = files      # how many files childflow may open
        self.waits = waits      # for the kernel's timers: its runs go side by side
        self.until = until      # an event of the log, for which it waits: it goes beside the others


def group(name):
    return lambda *args, **keys: CASES.append(Case(name, *args, **keys))


SPLIT = ("the sandbox's kernel speaks with the gateway's, and the host's with the peer: this is known to "
         "the host's only")
ROUTES = "the host's routes are asked when the datagram is on its way, so the answer comes as an ICMP error"

case = group("Connecting")
case("a connect to a port where somebody listens", "connect PLACE_WORLD PORT_ECHO",
     "connect ok; SO_ERROR ok; again EISCONN")
case("a connect to a closed port is refused", "connect PLACE_WORLD PORT_CLOSED",
     "connect ECONNREFUSED; SO_ERROR ok; again ECONNREFUSED")
case("a connect that a router resets", "connect PLACE_RESETTING 80",
     "connect ECONNREFUSED; SO_ERROR ok; again ECONNREFUSED")
case("a connect to an unreachable network", "connect-often PLACE_NET_UNREACHABLE 80 1",
     "connect ENETUNREACH", waits=True)
case("a connect to an unreachable host", "connect-often PLACE_HOST_UNREACHABLE 80 1",
     "connect EHOSTUNREACH", waits=True)
case("a connect that ends with an ICMP port unreachable", "connect-often PLACE_PORT_UNREACHABLE 80 1",
     "connect ECONNREFUSED", waits=True)
case("a connect that a router prohibits", "connect-often PLACE_ADMIN_PROHIBITED 80 1",
     "connect EHOSTUNREACH", "connect EACCES", waits=True)
case("a connect to a prohibited network", "connect-often PLACE_NET_PROHIBITED 80 1",
     "connect ENETUNREACH", families="4", waits=True)
case("a connect to a prohibited host", "connect-often PLACE_HOST_PROHIBITED 80 1",
     "connect EHOSTUNREACH", families="4", waits=True)
case("a connect that the host's own routes call unreachable", "connect PLACE_LOCAL_UNREACHABLE 80",
     "connect EHOSTUNREACH; SO_ERROR ok; again EHOSTUNREACH")
case("a connect for which the host has no route", "connect PLACE_LOCAL_NO_ROUTE 80",
     "connect ENETUNREACH; SO_ERROR ok; again ENETUNREACH")
case("a connect that the host's own routes prohibit", "connect PLACE_LOCAL_PROHIBITED 80",
     "connect EACCES; SO_ERROR ok; again EACCES",
     through="connect EHOSTUNREACH; SO_ERROR ok; again EHOSTUNREACH",
     through6="connect EACCES; SO_ERROR ok; again EACCES",
     why="no ICMP error of IPv4 becomes EACCES in a kernel")
case("a connect into a black hole", "connect-hole PLACE_HOLE", "connect ETIMEDOUT", waits=True)
case("a connect into a black hole with TCP_USER_TIMEOUT", "connect-user-timeout", "connect ETIMEDOUT",
     waits=True)
case("a connect that is given up", "connect-abandoned", "connect EINPROGRESS; close ok; another ok")
case("a connect of an event loop", "connect-polled PLACE_WORLD PORT_CROWD 200",
     "poll OUT, SO_ERROR ok")
case("a connect of an event loop is refused", "connect-polled PLACE_WORLD PORT_CLOSED 200",
     "poll IN OUT ERR HUP RDHUP, SO_ERROR ECONNREFUSED")
case("a connect of an event loop to an unreachable host", "connect-ended PLACE_HOST_UNREACHABLE 80 1",
     "poll ends, SO_ERROR EHOSTUNREACH", waits=True)
case("a connect of an event loop that a router prohibits",
     "connect-ended PLACE_ADMIN_PROHIBITED 80 1", "poll ends, SO_ERROR EHOSTUNREACH",
     "poll ends, SO_ERROR EACCES", waits=True)
case("200 connects that are refused, one after the other", "connect-often PLACE_WORLD PORT_CLOSED 200",
     "connect ECONNREFUSED")
case("connect called again, in each state", "connect-states",
     "connect EINPROGRESS; again EALREADY; connected EISCONN")
case("a server that accepts late", "slow-accept", "connect ok; echo hello")
case("a SYN that is lost", "syn-lost", "echo hello", waits=True)
case("a backlog that is full", "backlog-full", "first ok; second ETIMEDOUT; echo hello", families="4")
case("a backlog that is full for a while", "backlog-drained",
     "second EINPROGRESS; echo hello; poll OUT; echo hello", families="6")
case("data with the SYN, without a cookie", "connect-fast-open", "sendto 5 ok; echo hello")
case("a socket that is connected to another server", "connect-again-elsewhere",
     "first ok; AF_UNSPEC ok; connect ok; second ok")
case("servers on the program's own loopback", "loopback", "connect ok; read x; closed ECONNREFUSED")

case = group("Data")
case("{n} MiB up", "upload {n}", "{bytes} bytes same", families="4", number=1024)
case("{n} MiB down", "download {n}", "{bytes} bytes same, end ok", families="6", number=1024)
case("64 MiB in both directions at once", "duplex",
     f"67108864 bytes same, end ok; server read {HASH64}", server=1)
case("single bytes back and forth", "ping-pong", "2000 of 2000 came back")
case("20 MB to a reader that sleeps", "sleeping-reader",
     "500 of 500 came back on another; 20971520 bytes same")
case("20 MB from a server to a program that sleeps", "sleeping-client",
     "500 of 500 came back on another; 20971520 bytes same, end ok")
case("writes of 24 bytes to 64 KiB", "sizes", "8957600 bytes same")
case("writes of many parts", "gathered", "writev 3000; 3000 bytes same")
case("sendfile", "from-file", "1048576 bytes same")
case("a small receive buffer", "small-receive-buffer", "1048576 bytes same, end ok")
case("a way with a small MTU", "narrow", "1048576 bytes same")
case("write, write, read with Nagle's algorithm", "pairs 0", "TCP_NODELAY 0; 20 of 20 pairs", waits=True)
case("write, write, read with TCP_NODELAY", "pairs 1", "TCP_NODELAY 1; 20 of 20 pairs")
case("writes with TCP_NODELAY arrive one by one", "pieces", "read 1 ; read 2 ; read 3 ; read 4 ")
case("writes under TCP_CORK arrive as one", "corked", "read by the server at once: 100 ")
case("peeking and counting", "peek-and-count",
     "poll RDHUP; FIONREAD 1000; peek 1000; read 400; read 600; read 0")
case("an urgent byte of the program", "urgent-out",
     "send 2; urgent 1; send 2; server read ab|!cd", server=1)
case("an urgent byte of the server, in the stream", "urgent-in", "read ab|!cd")
case("an urgent byte of the server, beside the stream", "urgent-beside",
     "poll PRI; urgent 1 !; read 2; read 2; abcd")
case("SO_KEEPALIVE on an idle connection", "keepalive", "before ok; two probes ok; after ok",
     waits=True)
case("SO_KEEPALIVE when the peer has vanished", "keepalive-vanished",
     "before ok; three probes ETIMEDOUT", through="before ok; three probes ok", why=SPLIT, waits=True,
     families="4")
case("TCP_USER_TIMEOUT when the peer has vanished", "user-timeout-vanished",
     "before ok; ETIMEDOUT", through="before ok; confirmed", why=SPLIT, waits=True, families="6")

case = group("The end of a connection")
case("a half-close of the program", "half-close-client",
     'shutdown ok; send EPIPE; read "done", end ok')
case("a half-close of the server", "half-close-server",
     'read "half", end ok; poll IN OUT RDHUP; sent 1000; server read 1000, end ok', server=1)
case("writes to a peer that has closed", "write-to-closed",
     'read "", end ok; first write ok; poll ERR HUP; second write EPIPE; SO_ERROR ok; read "", end ok')
case("writes to a peer that has reset", "write-to-reset",
     "first write ECONNRESET; second write EPIPE")
case("SIGPIPE", "write-signal", 'read "", end ok; write EPIPE; SIGPIPE 1')
case("a reset of the server, at once (connect or the first read has it)", "reset-at-once", "ECONNRESET; write EPIPE")
case("a reset of the server, behind data", "reset-behind-data",
     'read bye; read "", end ECONNRESET; SO_ERROR ok; write EPIPE')
case("a server that closes and has not read all", "reset-unread-server", 'read "", end ECONNRESET')
case("a reset of the program, behind data (linger 0)", "linger-zero",
     "close ok; server read 10, end ECONNRESET", server=1)
case("a reset of the program, without data", "linger-zero-silent",
     "close ok; server read 0, end ECONNRESET", server=1)
case("a program that closes and has not read all", "reset-unread-client",
     "read h; close ok; server read 0, end ECONNRESET", server=1)
case("a close that waits for confirmation (linger)", "linger-long",
     "close ok; server read 1048576, end ok", server=1)
case("a program that writes 4 MiB and ends", "leave-behind", "exit 0; server read 4194304, end ok",
     server=1)
case("a program that is killed", "killed", "killed; server read 3, end ok", server=1)
case("shutdown of both directions", "shutdown-both",
     'shutdown ok; read "", end ok; send EPIPE; server read 3, end ok', server=1)
case("shutdown of reading", "shutdown-read", 'shutdown ok; read "", end ok; send ok')
case("what poll says at the end", "poll-at-end",
     'poll RDHUP; read "x", end ok; poll IN OUT RDHUP; poll HUP; shutdown ENOTCONN')

case = group("Addresses")
case("getpeername", "peer-name", "getpeername 203.0.113.80 2001; echo ok; "
     "getpeername 203.0.113.80 2001; getpeername ENOTCONN",
     "getpeername 2001:db8:2::80 2001; echo ok; "
     "getpeername 2001:db8:2::80 2001; getpeername ENOTCONN")
case("getsockname", "socket-name", "getsockname 192.0.2.10; port given",
     "getsockname 2001:db8:1::10; port given", "getsockname 198.18.0.2; port given",
     "getsockname 2001:db8:cf::2; port given",
     why="the sandbox has an address of its own, that is routed nowhere")
case("whom the server sees", "seen-name", "server sees 192.0.2.10; port the same",
     "server sees 2001:db8:1::10; port the same", "server sees 192.0.2.10; port another",
     "server sees 2001:db8:1::10; port another",
     why="the outward socket's port is the host's to give: the program's may be taken there")
case("to be bound to the host's address", "bind-host", "bind ok", through="bind EADDRNOTAVAIL",
     why="the host's addresses are not in the sandbox")
case("one source port, twenty times", "port-reuse", "20 of 20")
case("one source port, twenty times with a reset", "port-reuse-reset", "20 of 20")
case("one source port for two servers", "port-shared", "connect ok; connect ok; echo ok; echo ok")
case("an IPv6 socket to an IPv4 server", "mapped", "connect ok; getpeername ::ffff:203.0.113.80 2001; "
     "echo ok; getpeername ::ffff:203.0.113.80 2001; datagram ok; closed ECONNREFUSED", families="6")
case("an IPv6 socket that wants no IPv4", "mapped-v6-only", "connect ENETUNREACH", families="6")

case = group("UDP")
case("a connected socket", "datagram-connected", "; ".join(['"hello" from whom was asked'] * 3))
case("an unconnected socket", "datagram-unconnected", "; ".join(['"hello" from whom was asked'] * 3))
case("a conversation has one source port", "datagram-one-port", "20 of 20 from the port of the first")
case("a socket that speaks to two servers", "datagram-two-servers", "port the same",
     through="port another",
     why="each conversation has an outward socket of its own, which only its peer can answer")
case("several replies to one datagram", "datagram-thrice",
     "; ".join(['"one" from whom was asked'] * 3))
for length in (0, 1, 1472, 1473, 9000, 60000, 65507):
    case(f"datagrams of {length:,} bytes", f"datagram-length {length}",
         f"{length} bytes same; {length} bytes same")
case("a datagram that is too large", "datagram-length 65528", "send EMSGSIZE; send EMSGSIZE")
case("a burst of datagrams", "datagram-burst", "64 of 64 in order")
case("datagrams that the kernel cuts (UDP_SEGMENT)", "datagram-segments", "send 10000; 10 of 1000")
case("a datagram that is read in part", "datagram-truncated", "peek 10; recv 4; next 3")
case("a closed port, with a connected socket", "datagram-refused",
     "send 1; recv ECONNREFUSED; SO_ERROR ok; send 1; poll ERR; send ECONNREFUSED")
case("a closed port, with an unconnected socket", "datagram-refused-unconnected",
     'connected ECONNREFUSED; unconnected ok; sendto 5; "hello" from whom was asked')
REST = 'about "hello"; sendto ok; sendto ok; "hello" from whom was asked'
for what, name, text4, text6 in (
        ("a closed port", "PLACE_WORLD PORT_CLOSED", "ECONNREFUSED by 203.0.113.80, type 3, code 3",
         "ECONNREFUSED by 2001:db8:2::80, type 1, code 4"),
        ("an unreachable host", "PLACE_HOST_UNREACHABLE 9", "EHOSTUNREACH by 192.0.2.1, type 3, code 1",
         "EHOSTUNREACH by 2001:db8:1::1, type 1, code 3"),
        ("an unreachable network", "PLACE_NET_UNREACHABLE 9",
         "ENETUNREACH by 192.0.2.1, type 3, code 0", "ENETUNREACH by 2001:db8:1::1, type 1, code 0"),
        ("a prohibited host", "PLACE_ADMIN_PROHIBITED 9", "EHOSTUNREACH by 192.0.2.1, type 3, code 13",
         "EACCES by 2001:db8:1::1, type 1, code 1")):
    case(f"{what}, with a socket that wants errors", f"datagram-error {name}",
         f"sendto 5; {text4}; {REST}", f"sendto 5; {text6}; {REST}")
case("a prohibited host, with a socket that does not ask", "datagram-unreachable PLACE_ADMIN_PROHIBITED",
     "send 1; recv EHOSTUNREACH", "send 1; recv EACCES")
case("a datagram for which the host has no route", "datagram-error PLACE_LOCAL_NO_ROUTE 9",
     "sendto ENETUNREACH",
     through=f"sendto 5; ENETUNREACH by 198.18.0.1, type 3, code 0; {REST}",
     through6=f"sendto 5; ENETUNREACH by 2001:db8:cf::1, type 1, code 0; {REST}", why=ROUTES)
case("a reply from another port, to a connected socket", "datagram-elsewhere-connected",
     '"hello" from whom was asked')
case("a reply from another port, to an unconnected socket", "datagram-elsewhere",
     "got other; got hello", through="got hello",
     why="nobody may speak whom the policy did not judge")
case("the hop limit of a datagram", "datagram-hops 64", "arrives with 62")
case("a hop limit that the program chose", "datagram-hops 10", "arrives with 8")
case("a datagram that must not be cut, and is larger than the way", "datagram-narrow",
     "send EMSGSIZE; MTU 1300", through="a reply of 1400 bytes",
     why="who receives a datagram is not told whether it may be cut: the host cuts what it knows to be too large")
case("a conversation that has been idle goes on", "datagram-idle", "answered; port the same",
     through="answered; port another", until="flow_close",
     why="what is idle for long enough ends (here 30 s, nobody having answered), and begins anew")
case("a conversation that had to make room for others goes on", "datagram-crowded-out 60",
     "answered; port the same", through="answered; port another", files=64,
     why="where descriptors run out the conversation that is idle for longest ends, and begins anew")
case("a datagram to a multicast group", "datagram-multicast",
     "sendto 5; sendto 6; got group; got member", through="sendto 5; sendto 6; got member",
     why="groups are no destination of a policy, and nothing for them leaves")
case("a broadcast without permission", "datagram-broadcast", "sendto EACCES", families="4")

case = group("ICMP")
for length in (0, 56, 8000):
    case(f"ping with {length:,} bytes", f"ping {length}",
         "; ".join(f"reply {n} with {length} bytes" for n in (1, 2, 3)))
case("two pings at once", "ping-twice", "1 101; 2 102; 3 103")
case("ping of an unreachable host", "ping-error PLACE_HOST_UNREACHABLE",
     "poll ERR; EHOSTUNREACH by 192.0.2.1, type 3, code 1",
     "poll ERR; EHOSTUNREACH by 2001:db8:1::1, type 1, code 3")
case("ping of a prohibited host", "ping-error PLACE_ADMIN_PROHIBITED",
     "poll ERR; EHOSTUNREACH by 192.0.2.1, type 3, code 13",
     "poll ERR; EACCES by 2001:db8:1::1, type 1, code 1")
case("ping of a host for which there is no route", "ping-error PLACE_LOCAL_NO_ROUTE",
     "send ENETUNREACH", through="poll ERR; ENETUNREACH by 198.18.0.1, type 3, code 0",
     through6="poll ERR; ENETUNREACH by 2001:db8:cf::1, type 1, code 0", why=ROUTES)
HOPS4, HOPS6 = ("192.0.2.1", "198.51.100.2"), ("2001:db8:1::1", "2001:db8:a::2")


def hops(addresses, text, last):
    return "; ".join([f"{n} {text.format(address)}" for n, address in enumerate(addresses, 1)] + [last])


case("traceroute by ICMP", "trace-echo", hops(HOPS4, "{}", "3 reached, reply 3"),
     hops(HOPS6, "{}", "3 reached, reply 3"))
case("traceroute by UDP", "trace-datagram", hops(HOPS4, "{}", "3 203.0.113.80; ECONNREFUSED"),
     hops(HOPS6, "{}", "3 2001:db8:2::80; ECONNREFUSED"))
case("traceroute by TCP to an open port", "trace-stream PORT_ECHO",
     hops(HOPS4, "{}, EHOSTUNREACH", "3 reached, ok"), hops(HOPS6, "{}, EHOSTUNREACH", "3 reached, ok"))
case("traceroute by TCP to a closed port", "trace-stream PORT_CLOSED",
     hops(HOPS4, "{}, EHOSTUNREACH", "3 reached, ECONNREFUSED"),
     hops(HOPS6, "{}, EHOSTUNREACH", "3 reached, ECONNREFUSED"))

case = group("Many, and bad ones among good ones")
case("{n} connections held", "held {n}", "{n} open; {twice} echoes", families="6", number=5000)
case("{n} connections opened at once", "at-once {n}", "{n} echoes", number=2000)
case("{n} connections, one after the other", "sequential {n}", "{n} connections", families="4",
     number=20000)
case("connections beside 50 that nobody answers", "beside-holes",
     "200 of 200 came back; 100 of 100 connections")
case("a connection beside ten that are full in both directions", "beside-stalled",
     "10 of 10 full both ways; 200 of 200 came back")
case("a stream beside 200 connections that are reset", "beside-resets",
     "same, end ok; meanwhile 100 resets of the server and 100 of the program")
case("a connection beside 200 connects that fail", "beside-refusals",
     "100 of 100 failed; 200 of 200 came back")
case("a connection beside datagrams that nobody reads", "beside-datagrams", "200 of 200 came back")
