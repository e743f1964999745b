noinst_LIBRARIES += src/capture/libcf-capture.a
src_capture_libcf_capture_a_CFLAGS = $(AM_CFLAGS) $(PCAP_CFLAGS)
src_capture_libcf_capture_a_SOURCES = \
	src/capture/capture.c \
	src/capture/capture.h \
	src/capture/file.c \
	src/capture/file.h \
	src/capture/filter.c \
	src/capture/filter.h \
	src/capture/filter_words.c \
	src/capture/filter_words.h \
	src/capture/fragments.c \
	src/capture/fragments.h \
	src/capture/frame.c \
	src/capture/frame.h \
	src/capture/names.c \
	src/capture/names.h \
	src/capture/notes.c \
	src/capture/notes.h \
	src/capture/pcapng.c \
	src/capture/pcapng.h \
	src/capture/ring.c \
	src/capture/ring.h \
	src/capture/sockets.c \
	src/capture/sockets.h \
	src/capture/source.c \
	src/capture/source.h \
	src/capture/stamp.c \
	src/capture/stamp.h \
	src/capture/tls_keys.c \
	src/capture/tls_keys.h \
	src/capture/tuple.c \
	src/capture/tuple.h
