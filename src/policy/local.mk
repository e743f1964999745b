noinst_LIBRARIES += src/policy/libcf-policy.a
src_policy_libcf_policy_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(MD_CFLAGS)
src_policy_libcf_policy_a_SOURCES = src/policy/builtin.c \
	src/policy/builtin.h \
	src/policy/diagnostic.c \
	src/policy/diagnostic.h \
	src/policy/digest.c \
	src/policy/digest.h \
	src/policy/dns.c \
	src/policy/egress.c \
	src/policy/extends.c \
	src/policy/file.c \
	src/policy/file.h \
	src/policy/format.c \
	src/policy/guard.c \
	src/policy/guard.h \
	src/policy/hosts.c \
	src/policy/hosts_file.c \
	src/policy/json_schema.c \
	src/policy/json_schema.h \
	src/policy/load.c \
	src/policy/load.h \
	src/policy/man_page.c \
	src/policy/man_page.h \
	src/policy/merge.c \
	src/policy/merge.h \
	src/policy/options.c \
	src/policy/options.h \
	src/policy/pattern.c \
	src/policy/pattern.h \
	src/policy/policy.c \
	src/policy/policy.h \
	src/policy/read.c \
	src/policy/read.h \
	src/policy/scalar.c \
	src/policy/schema.c \
	src/policy/schema.h \
	src/policy/server.c \
	src/policy/server.h \
	src/policy/source.c \
	src/policy/source.h \
	src/policy/suggest.c \
	src/policy/suggest.h \
	src/policy/unit.c \
	src/policy/unit.h \
	src/policy/yaml.c \
	src/policy/yaml.h
