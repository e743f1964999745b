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
	src/sandbox/hide.c \
	src/sandbox/hide.h \
	src/sandbox/identity.c \
	src/sandbox/identity.h \
	src/sandbox/init.c \
	src/sandbox/init.h \
	src/sandbox/job.c \
	src/sandbox/job.h \
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
src_sandbox_libcf_sandbox_a_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
