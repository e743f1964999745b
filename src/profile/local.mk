noinst_LIBRARIES += src/profile/libcf-profile.a
src_profile_libcf_profile_a_SOURCES = src/profile/placeholder.c \
	src/profile/endpoint.h \
	src/profile/profile.h \
	src/profile/verdict.h
