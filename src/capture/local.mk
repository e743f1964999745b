noinst_LIBRARIES += src/capture/libcf-capture.a
src_capture_libcf_capture_a_CFLAGS = $(AM_CFLAGS) $(PCAP_CFLAGS)
src_capture_libcf_capture_a_SOURCES = \
	src/capture/filter.c \
	src/capture/filter.h \
	src/capture/filter_words.c \
	src/capture/filter_words.h \
	src/capture/pcapng.c \
	src/capture/pcapng.h
