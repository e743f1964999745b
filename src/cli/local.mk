bin_PROGRAMS += childflow
childflow_SOURCES = \
	src/cli/advise.c \
	src/cli/advise.h \
	src/cli/answer.c \
	src/cli/answer.h \
	src/cli/capture.c \
	src/cli/check.c \
	src/cli/cli.h \
	src/cli/condition.c \
	src/cli/explain.c \
	src/cli/finish.c \
	src/cli/help.c \
	src/cli/interface.c \
	src/cli/live.c \
	src/cli/live.h \
	src/cli/lookup.c \
	src/cli/lookup.h \
	src/cli/main.c \
	src/cli/narrate.c \
	src/cli/narrate.h \
	src/cli/near.c \
	src/cli/options.c \
	src/cli/proxy.c \
	src/cli/question.c \
	src/cli/question.h \
	src/cli/reader.c \
	src/cli/run.c \
	src/cli/run.h \
	src/cli/show.c \
	src/cli/start.c \
	src/cli/terminal.c \
	src/cli/terminal.h
childflow_CFLAGS = $(AM_CFLAGS)
childflow_LDADD = \
	src/report/libcf-report.a \
	src/engine/libcf-engine.a \
	src/proxy/libcf-proxy.a \
	src/sandbox/libcf-sandbox.a \
	src/policy/libcf-policy.a \
	src/capture/libcf-capture.a \
	src/dns/libcf-dns.a \
	src/netlink/libcf-netlink.a \
	src/audit/libcf-audit.a \
	src/loop/libcf-loop.a \
	src/profile/libcf-profile.a \
	src/base/libcf-base.a \
	$(YAML_LIBS) $(PSL_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(NL_LIBS) \
	$(MD_LIBS) $(PTHREAD_LIBS)
