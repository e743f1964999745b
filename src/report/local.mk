noinst_LIBRARIES += src/report/libcf-report.a
src_report_libcf_report_a_SOURCES = \
	src/report/explain.h \
	src/report/explain_json.c \
	src/report/explain_reason.c \
	src/report/explain_reason.h \
	src/report/explain_text.c \
	src/report/findings.h \
	src/report/findings_json.c \
	src/report/findings_sarif.c \
	src/report/live.c \
	src/report/live.h \
	src/report/lookups.c \
	src/report/lookups.h \
	src/report/show.c \
	src/report/show.h \
	src/report/summary.c \
	src/report/summary.h \
	src/report/summary_json.c \
	src/report/summary_table.c \
	src/report/summary_table.h \
	src/report/summary_text.c
