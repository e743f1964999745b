noinst_LIBRARIES += src/loop/libcf-loop.a
src_loop_libcf_loop_a_SOURCES = \
	src/loop/awake.c \
	src/loop/awake.h \
	src/loop/loop.c \
	src/loop/loop.h \
	src/loop/mailbox.c \
	src/loop/mailbox.h
