noinst_LIBRARIES += src/policy/libcf-policy.a
src_policy_libcf_policy_a_SOURCES = src/policy/placeholder.c \
	src/policy/diagnostic.h \
	src/policy/policy.h
