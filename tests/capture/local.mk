# Tests of this room.
capture_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
capture_test_libs = src/capture/libcf-capture.a src/audit/libcf-audit.a src/loop/libcf-loop.a \
	src/profile/libcf-profile.a src/base/libcf-base.a $(PSL_LIBS) $(IDN2_LIBS) \
	$(CMOCKA_LIBS) $(PTHREAD_LIBS)

# lookups.c has functions of the C library, which libpcap calls.
check_PROGRAMS += tests/capture/test_filter
TESTS += tests/capture/test_filter
tests_capture_test_filter_SOURCES = tests/capture/test_filter.c \
	tests/capture/lookups.c tests/capture/lookups.h
tests_capture_test_filter_CFLAGS = $(capture_test_cflags)
tests_capture_test_filter_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_pcapng
TESTS += tests/capture/test_pcapng
tests_capture_test_pcapng_SOURCES = tests/capture/test_pcapng.c
tests_capture_test_pcapng_CFLAGS = $(capture_test_cflags)
tests_capture_test_pcapng_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_filter_names
TESTS += tests/capture/test_filter_names
tests_capture_test_filter_names_SOURCES = tests/capture/test_filter_names.c \
	tests/capture/lookups.c tests/capture/lookups.h
tests_capture_test_filter_names_CFLAGS = $(capture_test_cflags) $(PCAP_CFLAGS)
tests_capture_test_filter_names_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_file
TESTS += tests/capture/test_file
tests_capture_test_file_SOURCES = tests/capture/test_file.c
tests_capture_test_file_CFLAGS = $(capture_test_cflags)
tests_capture_test_file_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_frame
TESTS += tests/capture/test_frame
tests_capture_test_frame_SOURCES = tests/capture/test_frame.c
tests_capture_test_frame_CFLAGS = $(capture_test_cflags)
tests_capture_test_frame_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_notes
TESTS += tests/capture/test_notes
tests_capture_test_notes_SOURCES = tests/capture/test_notes.c
tests_capture_test_notes_CFLAGS = $(capture_test_cflags)
tests_capture_test_notes_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_sockets
TESTS += tests/capture/test_sockets
tests_capture_test_sockets_SOURCES = tests/capture/test_sockets.c
tests_capture_test_sockets_CFLAGS = $(capture_test_cflags)
tests_capture_test_sockets_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_names
TESTS += tests/capture/test_names
tests_capture_test_names_SOURCES = tests/capture/test_names.c
tests_capture_test_names_CFLAGS = $(capture_test_cflags)
tests_capture_test_names_LDADD = $(capture_test_libs)

check_PROGRAMS += tests/capture/test_tls_keys
TESTS += tests/capture/test_tls_keys
tests_capture_test_tls_keys_SOURCES = tests/capture/test_tls_keys.c
tests_capture_test_tls_keys_CFLAGS = $(capture_test_cflags)
tests_capture_test_tls_keys_LDADD = $(capture_test_libs)
