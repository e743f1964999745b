noinst_LIBRARIES += src/engine/libcf-engine.a
src_engine_libcf_engine_a_SOURCES = src/engine/craft.c \
	src/engine/craft.h \
	src/engine/datagrams.c \
	src/engine/datagrams.h \
	src/engine/engine.c \
	src/engine/engine.h \
	src/engine/flow.c \
	src/engine/flow.h \
	src/engine/icmp.c \
	src/engine/icmp.h \
	src/engine/internal.h \
	src/engine/inward.c \
	src/engine/inward.h \
	src/engine/judge.c \
	src/engine/judge.h \
	src/engine/limits.c \
	src/engine/limits.h \
	src/engine/list.h \
	src/engine/outward.c \
	src/engine/outward.h \
	src/engine/packet.c \
	src/engine/packet.h \
	src/engine/relay.c \
	src/engine/relay.h \
	src/engine/splice.c \
	src/engine/splice.h \
	src/engine/strays.c \
	src/engine/strays.h \
	src/engine/tcp.c \
	src/engine/tcp.h \
	src/engine/udp.c \
	src/engine/udp.h
