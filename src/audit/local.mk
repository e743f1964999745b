noinst_LIBRARIES += src/audit/libcf-audit.a
src_audit_libcf_audit_a_SOURCES = \
	src/audit/audit.c \
	src/audit/audit.h \
	src/audit/event.c \
	src/audit/event.h \
	src/audit/event_json.c \
	src/audit/event_json.h \
	src/audit/json.c \
	src/audit/json.h \
	src/audit/log_file.c \
	src/audit/log_file.h \
	src/audit/open_flow.h \
	src/audit/path.c \
	src/audit/run_id.c \
	src/audit/run_id.h \
	src/audit/secret.c \
	src/audit/secret.h
