noinst_LIBRARIES += src/audit/libcf-audit.a
src_audit_libcf_audit_a_SOURCES = src/audit/placeholder.c \
	src/audit/audit.h \
	src/audit/event.h
