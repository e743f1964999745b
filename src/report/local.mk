noinst_LIBRARIES += src/report/libcf-report.a
src_report_libcf_report_a_SOURCES = src/report/placeholder.c \
	src/report/summary.h
