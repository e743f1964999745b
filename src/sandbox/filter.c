/*
 * filter.c - the system calls that would lead around the namespaces
 *
 * The filter is short on purpose: it is no hardening of the kernel, it closes
 * ways out that no namespace closes. What is refused, and why:
 *
 *   ioctl TIOCSTI, TIOCLINUX   EPERM. They type into the terminal that the
 *       command shares with its caller, whose shell is outside.
 *   socket, socketpair         EAFNOSUPPORT for every family but those below.
 *       AF_VSOCK above all reaches the hypervisor whatever the network
 *       namespace; RDS, TIPC, QIPCRTR, Bluetooth, NFC and others are not, or
 *       not wholly, per namespace, and nothing here relays them.
 *   socketcall                 i386 and a few others: socket(2) by a pointer
 *       that a filter cannot follow, so its socket and socketpair are refused
 *       whole. C libraries use the direct calls since Linux 4.3.
 *   io_uring_setup             ENOSYS, so that libraries fall back: a ring
 *       opens sockets (IORING_OP_SOCKET) that no filter sees.
 *   request_key                EPERM when the kernel would have the key made:
 *       it runs /sbin/request-key for that, as the host's root in the host's
 *       namespaces, and for the type dns_resolver that asks the host's DNS
 *       for any name. Keys that exist are found as ever.
 *
 * Where rules hinge on which program has a socket, what gives a thread descriptors of its
 * own is refused too: to look into every thread of every process for each flow would cost
 * too much (netlink/owner.c), and no ordinary program does it.
 *
 *   clone          EPERM for a thread without CLONE_FILES.
 *   clone3         ENOSYS, for its flags are behind a pointer; C libraries fall back to clone.
 *   unshare        EPERM for CLONE_FILES.
 *   close_range    EINVAL for CLOSE_RANGE_UNSHARE, as before Linux 5.9 had it.
 *   prlimit64                  EPERM when it sets a limit of PID 1, which has the command's
 *       ids: without descriptors it cannot name what is left, and a limit of CPU time kills it.
 *
 * Families let through: UNIX; INET and INET6, which go by the engine; NETLINK,
 * which programs need to see their interfaces; PACKET, which belongs to the
 * namespace and fails as it does for anyone without CAP_NET_RAW; ALG, the
 * kernel's ciphers, which go nowhere.
 *
 * Arguments are compared in their low 32 bits where the kernel takes an int:
 * the upper half is the program's to fill as it likes. Every other way to
 * make system calls that a kernel of this architecture has is filtered too,
 * or unknown and refused with ENOSYS (x32 is).
 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define CODE_MAX ((size_t)BPF_MAXINSNS * sizeof(struct sock_filter))
#define LOW_32 UINT64_C(0xffffffff)

/* From linux/net.h: the numbers of socketcall(2). */
#define CALL_SOCKET 1
#define CALL_SOCKETPAIR 8

static const int allowed_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG };

/* Whether one of first, first + 1, ..., first + count - 1 is let through. */
static bool any_allowed(int first, int count)
{
    for (size_t i = 0; i < sizeof allowed_families / sizeof *allowed_families; i++) {
        if (allowed_families[i] >= first && allowed_families[i] - first < count)
            return true;
    }
    return false;
}

/* As many from first on, a power of two that divides first, as can be refused by one mask. */
static int refused_block(int first)
{
    int count = 1;

    while (first % (2 * count) == 0 && 2 * count <= AF_ALG && !any_allowed(first, 2 * count))
        count *= 2;
    return count;
}

static int add_ioctls(scmp_filter_ctx ctx)
{
    int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_32, TIOCSTI));

    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_32, TIOCLINUX));
    return r;
}

/* Nobody inside but PID 1 has this number, but in a PID namespace that the command makes. */
static int add_limits(scmp_filter_ctx ctx)
{
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 2,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, LOW_32, 1), SCMP_A2(SCMP_CMP_NE, 0));
}

/* Its third argument is what the kernel passes on to the program that makes the key. */
static int add_keys(scmp_filter_ctx ctx)
{
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(request_key), 1,
                            SCMP_A2(SCMP_CMP_NE, 0));
}

/*
 * Up to the highest that is let through in blocks, then all above it at once.
 * One by one it would be three times as many rules, and the library takes most
 * of a millisecond for these.
 */
static int add_families(scmp_filter_ctx ctx, int call)
{
    const uint32_t no = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int r = 0, count;

    for (int family = 0; family <= AF_ALG && r == 0; family += count) {
        uint64_t mask;

        count = refused_block(family);
        mask = LOW_32 & ~(uint64_t)(count - 1);
        if (!any_allowed(family, 1))
            r = seccomp_rule_add(ctx, no, call, 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, mask, (uint64_t)family));
    }
    if (r == 0) /* all 64 bits: a filled upper half is refused with the rest */
        r = seccomp_rule_add(ctx, no, call, 1, SCMP_A0(SCMP_CMP_GT, AF_ALG));
    return r;
}

/* On s390 the flags of clone(2) are its second argument. */
static struct scmp_arg_cmp flags_of_clone(uint64_t mask, uint64_t value)
{
    const bool second = seccomp_arch_native() == SCMP_ARCH_S390X;

    return SCMP_CMP(second ? 1 : 0, SCMP_CMP_MASKED_EQ, mask, value);
}

static int add_tables(scmp_filter_ctx ctx)
{
    const struct scmp_arg_cmp thread = flags_of_clone(CLONE_THREAD | CLONE_FILES, CLONE_THREAD);
    int r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &thread);

    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_FILES, CLONE_FILES));
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(close_range), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, CLOSE_RANGE_UNSHARE, CLOSE_RANGE_UNSHARE));
    return r;
}

static int add_rules(scmp_filter_ctx ctx, bool one_table)
{
    int r = add_ioctls(ctx);

    if (r == 0)
        r = add_families(ctx, SCMP_SYS(socket));
    if (r == 0)
        r = add_families(ctx, SCMP_SYS(socketpair));
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
    if (r == 0)
        r = add_keys(ctx);
    if (r == 0)
        r = add_limits(ctx);
    if (r == 0 && one_table)
        r = add_tables(ctx);
    return r;
}

/* The other instruction sets that a kernel of this one runs. */
static int add_architectures(scmp_filter_ctx ctx)
{
    static const struct {
        uint32_t native, other;
    } rows[] = {
        { SCMP_ARCH_X86_64, SCMP_ARCH_X86 },
        { SCMP_ARCH_AARCH64, SCMP_ARCH_ARM },
        { SCMP_ARCH_PPC64, SCMP_ARCH_PPC },
        { SCMP_ARCH_S390X, SCMP_ARCH_S390 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r;

        if (seccomp_arch_native() != rows[i].native)
            continue;
        r = seccomp_arch_add(ctx, rows[i].other);
        if (r < 0 && r != -EEXIST)
            return r;
    }
    return 0;
}

/* The library writes to a descriptor only; a memory file takes it. */
static int export_code(scmp_filter_ctx ctx, struct cf_filter *filter)
{
    cf_auto_close int fd = memfd_create("filter", MFD_CLOEXEC);
    char *code;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(ctx, fd);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = cf_fd_read_all(fd, CODE_MAX, &code, &filter->bytes);
    if (r == 0)
        filter->code = code;
    return r;
}

static int compile(scmp_filter_ctx ctx, bool one_table, struct cf_filter *filter)
{
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

    if (r == 0)
        r = add_architectures(ctx);
    if (r == 0)
        r = add_rules(ctx, one_table);
    return r == 0 ? export_code(ctx, filter) : r;
}

int cf_filter_init(bool one_table, struct cf_filter *ret_filter, struct cf_error *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    struct cf_filter filter = { 0 };
    int r;

    if (!ctx)
        return cf_error_errno(err, -ENOMEM, "cannot make the system call filter");
    r = compile(ctx, one_table, &filter);
    seccomp_release(ctx);
    if (r < 0)
        return cf_error_errno(err, r, "cannot make the system call filter");
    *ret_filter = filter;
    return 0;
}

void cf_filter_done(struct cf_filter *filter)
{
    free(filter->code);
    filter->code = NULL;
}

int cf_filter_install(const struct cf_filter *filter)
{
    struct sock_fprog program = {
        .len = (unsigned short)(filter->bytes / sizeof(struct sock_filter)),
        .filter = filter->code,
    };

    /* SPEC_ALLOW: older kernels else slow the whole command down (speculative stores). */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
        return -errno;
    return 0;
}
