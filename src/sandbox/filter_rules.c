/*
 * filter_rules.c - the system calls that would lead around the namespaces
 *
 * Part of filter_make.c, which runs while childflow is built, and of the test of what it
 * made; not of childflow, so libc and libseccomp are all that it may use.
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
#include "sandbox/filter_rules.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int add_tables(scmp_filter_ctx ctx, uint32_t arch)
{
    /* On s390 the flags of clone(2) are its second argument. */
    const struct scmp_arg_cmp thread = SCMP_CMP(arch == SCMP_ARCH_S390X ? 1 : 0, SCMP_CMP_MASKED_EQ,
                                                CLONE_THREAD | CLONE_FILES, CLONE_THREAD);
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

static int add_rules(scmp_filter_ctx ctx, uint32_t arch, bool one_table)
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
        r = add_tables(ctx, arch);
    return r;
}

/* The instruction set, and the others that a kernel of it runs. */
static int add_architectures(scmp_filter_ctx ctx, uint32_t arch)
{
    static const struct {
        uint32_t arch, other;
    } rows[] = {
        { SCMP_ARCH_X86_64, SCMP_ARCH_X86 },
        { SCMP_ARCH_AARCH64, SCMP_ARCH_ARM },
        { SCMP_ARCH_PPC64, SCMP_ARCH_PPC },
        { SCMP_ARCH_S390X, SCMP_ARCH_S390 },
    };
    int r = 0;

    if (arch != seccomp_arch_native()) {
        r = seccomp_arch_remove(ctx, seccomp_arch_native()); /* first: the byte orders may differ */
        if (r == 0)
            r = seccomp_arch_add(ctx, arch);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows && r == 0; i++) {
        if (arch == rows[i].arch)
            r = seccomp_arch_add(ctx, rows[i].other);
    }
    return r;
}

/* As this machine has its numbers; the library writes as the other one has them. */
static int code_turn(struct sock_filter *code, size_t n)
{
    const uint16_t load = BPF_LD | BPF_W | BPF_ABS; /* what every filter of the library begins with */

    if (n == 0 || code[0].code == load)
        return n == 0 ? -ENODATA : 0;
    for (size_t i = 0; i < n; i++) {
        code[i].code = __builtin_bswap16(code[i].code);
        code[i].k = __builtin_bswap32(code[i].k);
    }
    return code[0].code == load ? 0 : -ENODATA;
}

/* The library writes to a descriptor only; a memory file takes it. */
static int code_export(scmp_filter_ctx ctx, struct sock_filter *ret_code, size_t *ret_n)
{
    int fd = memfd_create("filter", MFD_CLOEXEC), r;
    ssize_t bytes;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(ctx, fd);
    bytes = r < 0 ? 0 : pread(fd, ret_code, BPF_MAXINSNS * sizeof *ret_code, 0);
    if (bytes < 0)
        r = -errno;
    close(fd);
    if (r < 0)
        return r;
    *ret_n = (size_t)bytes / sizeof *ret_code;
    return code_turn(ret_code, *ret_n);
}

static int compile(scmp_filter_ctx ctx, uint32_t arch, bool one_table,
                   struct sock_filter *ret_code, size_t *ret_n)
{
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

    if (r == 0)
        r = add_architectures(ctx, arch);
    if (r == 0)
        r = add_rules(ctx, arch, one_table);
    return r == 0 ? code_export(ctx, ret_code, ret_n) : r;
}

int cf_filter_rules_compile(const char *arch, bool one_table, struct sock_filter *ret_code,
                            size_t *ret_n)
{
    const uint32_t token = arch ? seccomp_arch_resolve_name(arch) : seccomp_arch_native();
    scmp_filter_ctx ctx;
    int r;

    if (token == 0)
        return -EINVAL;
    ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx)
        return -ENOMEM;
    r = compile(ctx, token, one_table, ret_code, ret_n);
    seccomp_release(ctx);
    return r;
}
