noinst_LIBRARIES += src/sandbox/libcf-sandbox.a
src_sandbox_libcf_sandbox_a_SOURCES = src/sandbox/placeholder.c \
	src/sandbox/sandbox.h
