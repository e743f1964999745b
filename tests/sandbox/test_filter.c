/*
 * test_filter.c - the filter that the build made is what libseccomp makes of its rules
 *
 * And what these do is asked of a reader of the kernel's instructions, for all the system calls
 * that they are about; test_walls tries some of them inside.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "sandbox/filter_code.h"
#include "sandbox/filter_rules.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

static void check_same(bool one_table)
{
    static struct sock_filter code[BPF_MAXINSNS];
    const struct cf_filter_code *made = &cf_filter_codes[one_table];
    size_t n = 0;

    assert_int_equal(cf_filter_rules_compile(NULL, one_table, code, &n), 0);
    assert_int_equal(made->n, n);
    assert_memory_equal(made->instructions, code, n * sizeof *code);
}

static void the_build_made_what_libseccomp_makes(void **state)
{
    (void)state;
    check_same(false);
    check_same(true);
}

static void the_two_filters_differ(void **state)
{
    (void)state;
    assert_true(cf_filter_codes[0].n < cf_filter_codes[1].n);
}

static void foreign_filters_are_of_this_byte_order(void **state)
{
    static const char *const others[] = { "x86_64", "aarch64", "riscv64", "s390x", "ppc64le" };
    static struct sock_filter code[BPF_MAXINSNS];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        n = 0;
        assert_int_equal(cf_filter_rules_compile(others[i], true, code, &n), 0);
        assert_true(n > 0);
        assert_int_equal(code[0].code, BPF_LD | BPF_W | BPF_ABS);
        assert_int_equal(code[0].k, offsetof(struct seccomp_data, arch));
        assert_int_equal(code[n - 1].code, BPF_RET | BPF_K);
    }
    assert_int_equal(cf_filter_rules_compile("pdp11", true, code, &n), -EINVAL);
}

#ifdef __x86_64__
/* Those that libseccomp writes: loads of the call's description, masks, comparisons, an end. */
static uint32_t code_run(const struct cf_filter_code *code, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t i = 0; i < code->n; i++) {
        const struct sock_filter *at = &code->instructions[i];

        switch (at->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(at->k + sizeof a <= sizeof *data);
            memcpy(&a, (const char *)data + at->k, sizeof a);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= at->k;
            break;
        case BPF_JMP | BPF_JA:
            i += at->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            i += a == at->k ? at->jt : at->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            i += a > at->k ? at->jt : at->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            i += a >= at->k ? at->jt : at->jf;
            break;
        case BPF_RET | BPF_K:
            return at->k;
        default:
            fail_msg("instruction %zu, %#x, is unknown", i, at->code);
        }
    }
    fail_msg("no end");
    return 0;
}

enum { PLAIN, ONE_TABLE };

/* expected: an errno, or 0 when the kernel is to go on */
static void check_call(int table, uint32_t arch, int number, uint64_t a0, uint64_t a1, uint64_t a2,
                       int expected)
{
    const struct seccomp_data data = { .nr = number, .arch = arch, .args = { a0, a1, a2 } };

    assert_int_equal(code_run(&cf_filter_codes[table], &data),
                     expected ? SECCOMP_RET_ERRNO | (uint32_t)expected : SECCOMP_RET_ALLOW);
}

#define UPPER UINT64_C(0xdeadbeef00000000)
#define AMD64 AUDIT_ARCH_X86_64
#define I386 AUDIT_ARCH_I386
#define X32 0x40000000 /* __X32_SYSCALL_BIT */

static void check_family(int family)
{
    const bool through = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
                         family == AF_NETLINK || family == AF_PACKET || family == AF_ALG;
    const int expected = through ? 0 : EAFNOSUPPORT;

    check_call(PLAIN, AMD64, SYS_socket, (uint64_t)family, 0, 0, expected);
    check_call(PLAIN, AMD64, SYS_socketpair, (uint64_t)family, 0, 0, expected);
    check_call(PLAIN, AMD64, SYS_socket, UPPER | (uint64_t)family, 0, 0, EAFNOSUPPORT);
    check_call(PLAIN, I386, 359, (uint64_t)family, 0, 0, expected); /* socket */
    check_call(PLAIN, I386, 360, (uint64_t)family, 0, 0, expected); /* socketpair */
}

static void families_are_those_of_the_list(void **state)
{
    (void)state;
    for (int family = 0; family < 256; family++)
        check_family(family);
    check_call(PLAIN, AMD64, SYS_socket, UINT64_MAX, 0, 0, EAFNOSUPPORT);
    for (uint64_t call = 1; call <= 20; call++) /* socketcall */
        check_call(PLAIN, I386, 102, call, 0, 0, call == 1 || call == 8 ? EAFNOSUPPORT : 0);
}

static void calls_are_refused_by_their_arguments(void **state)
{
    (void)state;
    for (int table = PLAIN; table <= ONE_TABLE; table++) {
        check_call(table, AMD64, SYS_ioctl, 0, TIOCSTI, 0, EPERM);
        check_call(table, AMD64, SYS_ioctl, 0, UPPER | TIOCSTI, 0, EPERM);
        check_call(table, AMD64, SYS_ioctl, 0, TIOCLINUX, 0, EPERM);
        check_call(table, AMD64, SYS_ioctl, 0, TIOCGWINSZ, 0, 0);
        check_call(table, I386, 54, 0, TIOCSTI, 0, EPERM);
        check_call(table, AMD64, SYS_io_uring_setup, 8, 0, 0, ENOSYS);
        check_call(table, I386, SYS_io_uring_setup, 8, 0, 0, ENOSYS);
        check_call(table, AMD64, SYS_request_key, 1, 2, 3, EPERM);
        check_call(table, AMD64, SYS_request_key, 1, 2, UINT64_C(1) << 32, EPERM);
        check_call(table, AMD64, SYS_request_key, 1, 2, 0, 0);
        check_call(table, AMD64, SYS_prlimit64, 1, 7, 4096, EPERM);
        check_call(table, AMD64, SYS_prlimit64, UPPER | 1, 7, 4096, EPERM);
        check_call(table, AMD64, SYS_prlimit64, 1, 7, 0, 0);
        check_call(table, AMD64, SYS_prlimit64, 0, 7, 4096, 0);
        check_call(table, AMD64, SYS_read, 0, 0, 0, 0);
        check_call(table, AMD64, SYS_execve, 0, 0, 0, 0);
    }
}

static void check_tables(int number, uint64_t a0, uint64_t a2, int expected)
{
    check_call(PLAIN, AMD64, number, a0, 0, a2, 0);
    check_call(ONE_TABLE, AMD64, number, a0, 0, a2, expected);
}

static void descriptors_of_a_threads_own_are_refused_by_one_of_them(void **state)
{
    (void)state;
    check_tables(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, EPERM);
    check_tables(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FILES, 0, 0);
    check_tables(SYS_clone, 17, 0, 0);
    check_tables(SYS_clone3, 0, 0, ENOSYS);
    check_tables(SYS_unshare, CLONE_FILES | CLONE_FS, 0, EPERM);
    check_tables(SYS_unshare, CLONE_FS, 0, 0);
    check_tables(SYS_close_range, 3, CLOSE_RANGE_UNSHARE, EINVAL);
    check_tables(SYS_close_range, 3, CLOSE_RANGE_CLOEXEC, 0);
}

static void other_instruction_sets_are_unknown(void **state)
{
    (void)state;
    check_call(PLAIN, AMD64, X32 | SYS_read, 0, 0, 0, ENOSYS);
    check_call(PLAIN, AMD64, X32 | SYS_socket, 40, 0, 0, ENOSYS);
    check_call(PLAIN, AUDIT_ARCH_AARCH64, 63, 0, 0, 0, ENOSYS);
    check_call(PLAIN, 0, 0, 0, 0, 0, ENOSYS);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_build_made_what_libseccomp_makes),
        cmocka_unit_test(the_two_filters_differ),
        cmocka_unit_test(foreign_filters_are_of_this_byte_order),
#ifdef __x86_64__
        cmocka_unit_test(families_are_those_of_the_list),
        cmocka_unit_test(calls_are_refused_by_their_arguments),
        cmocka_unit_test(descriptors_of_a_threads_own_are_refused_by_one_of_them),
        cmocka_unit_test(other_instruction_sets_are_unknown),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
