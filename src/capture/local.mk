noinst_LIBRARIES += src/capture/libcf-capture.a
src_capture_libcf_capture_a_CFLAGS = $(AM_CFLAGS)
src_capture_libcf_capture_a_SOURCES = \
	src/capture/pcapng.c \
	src/capture/pcapng.h
