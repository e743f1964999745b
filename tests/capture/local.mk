# Tests of this room.
capture_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
capture_test_libs = src/capture/libcf-capture.a src/base/libcf-base.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/capture/test_pcapng
TESTS += tests/capture/test_pcapng
tests_capture_test_pcapng_SOURCES = tests/capture/test_pcapng.c
tests_capture_test_pcapng_CFLAGS = $(capture_test_cflags)
tests_capture_test_pcapng_LDADD = $(capture_test_libs)
