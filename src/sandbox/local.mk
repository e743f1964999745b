noinst_LIBRARIES += src/sandbox/libcf-sandbox.a
src_sandbox_libcf_sandbox_a_SOURCES = \
	src/sandbox/attach.c \
	src/sandbox/attach.h \
	src/sandbox/automount.c \
	src/sandbox/automount.h \
	src/sandbox/caller.c \
	src/sandbox/caller.h \
	src/sandbox/cgroups.c \
	src/sandbox/cgroups.h \
	src/sandbox/command.c \
	src/sandbox/command.h \
	src/sandbox/elsewhere.c \
	src/sandbox/elsewhere.h \
	src/sandbox/etc.c \
	src/sandbox/etc.h \
	src/sandbox/filter.c \
	src/sandbox/filter.h \
	src/sandbox/filter_code.h \
	src/sandbox/hide.c \
	src/sandbox/hide.h \
	src/sandbox/identity.c \
	src/sandbox/identity.h \
	src/sandbox/init.c \
	src/sandbox/init.h \
	src/sandbox/job.c \
	src/sandbox/job.h \
	src/sandbox/key_log.c \
	src/sandbox/key_log.h \
	src/sandbox/known.c \
	src/sandbox/listeners.c \
	src/sandbox/listeners.h \
	src/sandbox/listing.c \
	src/sandbox/listing.h \
	src/sandbox/mask.c \
	src/sandbox/mask.h \
	src/sandbox/mounts.c \
	src/sandbox/mounts.h \
	src/sandbox/movable.c \
	src/sandbox/movable.h \
	src/sandbox/names.c \
	src/sandbox/names.h \
	src/sandbox/orders.c \
	src/sandbox/orders.h \
	src/sandbox/sandbox.c \
	src/sandbox/sandbox.h \
	src/sandbox/sweep.c \
	src/sandbox/sweep.h \
	src/sandbox/view.c \
	src/sandbox/view.h
nodist_src_sandbox_libcf_sandbox_a_SOURCES = src/sandbox/filter_code.c

# The filter is made by libseccomp here, and not at each start. What makes it runs on the machine
# that builds: FILTER_ARCH is empty, or names the other one that childflow is for.
filter_make = src/sandbox/filter_make.c src/sandbox/filter_rules.c
EXTRA_DIST += $(filter_make) src/sandbox/filter_rules.h
CLEANFILES += src/sandbox/filter_make src/sandbox/filter_code.c src/sandbox/filter_code.tmp

src/sandbox/filter_make: $(filter_make) src/sandbox/filter_rules.h
	$(AM_V_GEN)$(MKDIR_P) src/sandbox && \
	$(CC_FOR_BUILD) -I$(srcdir)/src -D_GNU_SOURCE -std=c17 -Wall -Wextra \
		-Wno-missing-field-initializers \
		$(SECCOMP_FOR_BUILD_CFLAGS) $(CPPFLAGS_FOR_BUILD) $(CFLAGS_FOR_BUILD) \
		$(LDFLAGS_FOR_BUILD) -o $@ \
		$(srcdir)/src/sandbox/filter_make.c $(srcdir)/src/sandbox/filter_rules.c \
		$(SECCOMP_FOR_BUILD_LIBS)

src/sandbox/filter_code.c: src/sandbox/filter_make
	$(AM_V_GEN)src/sandbox/filter_make $(FILTER_ARCH) >src/sandbox/filter_code.tmp && \
	mv -f src/sandbox/filter_code.tmp $@
