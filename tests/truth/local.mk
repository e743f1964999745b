# Behaviours of programs, directly and through childflow, once for each identity.
truth_programs = tests/truth/truth_probe tests/truth/truth_world
check_PROGRAMS += $(truth_programs)
TESTS += \
	tests/truth/as-root \
	tests/truth/as-user \
	tests/truth/with-threads
EXTRA_DIST += \
	tests/truth/as-root \
	tests/truth/as-user \
	tests/truth/cases.py \
	tests/truth/items.py \
	tests/truth/run \
	tests/truth/way.py \
	tests/truth/with-threads
tests_truth_truth_probe_SOURCES = \
	tests/truth/pattern.c tests/truth/pattern.h \
	tests/truth/places.h \
	tests/truth/probe.c tests/truth/probe.h \
	tests/truth/probe_address.c \
	tests/truth/probe_connect.c \
	tests/truth/probe_datagram.c \
	tests/truth/probe_echo.c \
	tests/truth/probe_end.c \
	tests/truth/probe_many.c \
	tests/truth/probe_stream.c
tests_truth_truth_probe_LDADD = $(PTHREAD_LIBS)
tests_truth_truth_world_SOURCES = \
	tests/truth/pattern.c tests/truth/pattern.h \
	tests/truth/places.h \
	tests/truth/world.c tests/truth/world.h \
	tests/truth/world_datagram.c \
	tests/truth/world_serve.c
tests_truth_truth_world_LDADD = $(PTHREAD_LIBS)
