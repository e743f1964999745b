noinst_LIBRARIES += src/base/libcf-base.a
src_base_libcf_base_a_SOURCES = \
	src/base/addr.c \
	src/base/addr.h \
	src/base/buffer.c \
	src/base/buffer.h \
	src/base/cleanup.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/egress.c \
	src/base/egress.h \
	src/base/error.c \
	src/base/error.h \
	src/base/fd.c \
	src/base/fd.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/intern.c \
	src/base/intern.h \
	src/base/secret.c \
	src/base/secret.h \
	src/base/siphash.h \
	src/base/text.c \
	src/base/text.h
