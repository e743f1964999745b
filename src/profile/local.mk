noinst_LIBRARIES += src/profile/libcf-profile.a
src_profile_libcf_profile_a_CFLAGS = $(AM_CFLAGS) $(PSL_CFLAGS) $(IDN2_CFLAGS)
src_profile_libcf_profile_a_SOURCES = \
	src/profile/encrypted.c \
	src/profile/encrypted.h \
	src/profile/endpoint.c \
	src/profile/endpoint.h \
	src/profile/exe.c \
	src/profile/exe.h \
	src/profile/group.c \
	src/profile/index.c \
	src/profile/index.h \
	src/profile/lint.c \
	src/profile/lint.h \
	src/profile/lint_ask.c \
	src/profile/lint_ask.h \
	src/profile/lint_pins.c \
	src/profile/lint_pins.h \
	src/profile/lint_places.c \
	src/profile/lint_places.h \
	src/profile/match.c \
	src/profile/match.h \
	src/profile/name.c \
	src/profile/name.h \
	src/profile/name_files.c \
	src/profile/name_files.h \
	src/profile/name_record.c \
	src/profile/name_record.h \
	src/profile/name_set.c \
	src/profile/name_set.h \
	src/profile/prefix_tree.c \
	src/profile/prefix_tree.h \
	src/profile/profile.c \
	src/profile/profile.h \
	src/profile/protection.c \
	src/profile/protection.h \
	src/profile/quote.c \
	src/profile/quote.h \
	src/profile/record_type.c \
	src/profile/record_type.h \
	src/profile/segments.c \
	src/profile/segments.h \
	src/profile/trace.c \
	src/profile/trace.h \
	src/profile/verdict.c \
	src/profile/verdict.h
