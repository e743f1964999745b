/* Which descriptors are guessed for the next socket of a program. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "netlink/hints.h"

#define END INT_MAX

static void add_all(struct cf_hints *hints, int pid, const int *fds)
{
    for (; *fds != END; fds++)
        cf_hints_add(hints, pid, *fds);
}

/* After sockets were found at `found`, the next is looked for at `first`, in this order, before
 * others. */
static void check_first(const int *found, const int *first)
{
    struct cf_hints hints = { 0 };
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];
    size_t n;

    add_all(&hints, 1, found);
    n = cf_hints_guess(&hints, guesses);
    for (size_t i = 0; first[i] != END; i++) {
        assert_true(i < n);
        assert_int_equal(guesses[i].pid, 1);
        assert_int_equal(guesses[i].fd, first[i]);
    }
}

#define FDS(...) ((const int[]) { __VA_ARGS__, END })

static void nothing_is_guessed_before_anything_was_found(void **state)
{
    struct cf_hints hints = { 0 };
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];

    (void)state;
    assert_int_equal(cf_hints_guess(&hints, guesses), 0);
}

static void a_program_is_expected_to_go_on_as_it_does(void **state)
{
    (void)state;
    check_first(FDS(3), FDS(3, 4, 5, 6, 2, 7));
    check_first(FDS(3, 3), FDS(3, 4));
    check_first(FDS(3, 4, 5), FDS(6, 3, 4, 5));
    check_first(FDS(10, 12, 14), FDS(16, 10, 12, 14, 15, 17, 13, 18));
    check_first(FDS(9, 8, 7), FDS(6, 9, 8, 7));
}

static void of_several_sockets_the_one_had_longest_is_expected_again(void **state)
{
    (void)state;
    check_first(FDS(3, 5, 4), FDS(3, 5, 4, 6, 7, 8));
    check_first(FDS(3, 5, 4, 6, 3), FDS(5, 4, 6, 3));
}

static void no_more_than_the_latest_are_kept(void **state)
{
    (void)state;
    check_first(FDS(90, 1, 3, 2, 4, 6, 5, 9, 7), FDS(1, 3, 2, 4, 6, 5, 9, 7, 8, 10, 11));
}

static void no_descriptor_is_guessed_twice_or_below_zero(void **state)
{
    struct cf_hints hints = { 0 };
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];
    size_t n;

    (void)state;
    add_all(&hints, 1, FDS(2, 1, 0));
    n = cf_hints_guess(&hints, guesses);
    assert_int_equal(n, 5); /* 2, 1, 0, 3, 4 */
    for (size_t i = 0; i < n; i++) {
        assert_true(guesses[i].fd >= 0);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(guesses[i].fd, guesses[k].fd);
    }
}

static void programs_that_take_turns_are_each_the_second_guess(void **state)
{
    struct cf_hints hints = { 0 };
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];

    (void)state;
    add_all(&hints, 1, FDS(3, 3));
    add_all(&hints, 2, FDS(7, 7));
    assert_true(cf_hints_guess(&hints, guesses) > 2);
    assert_int_equal(guesses[0].pid, 2);
    assert_int_equal(guesses[0].fd, 7);
    assert_int_equal(guesses[1].pid, 1);
    assert_int_equal(guesses[1].fd, 3);
}

static void the_process_found_longest_ago_makes_room(void **state)
{
    struct cf_hints hints = { 0 };
    struct cf_guess guesses[CF_HINT_GUESSES_MAX];
    size_t n;

    (void)state;
    for (int pid = 1; pid <= CF_HINT_PROCESSES; pid++)
        cf_hints_add(&hints, pid, 3);
    cf_hints_add(&hints, 1, 3);
    cf_hints_add(&hints, 100, 3);
    n = cf_hints_guess(&hints, guesses);
    assert_int_equal(guesses[0].pid, 100);
    assert_int_equal(guesses[1].pid, 1);
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(guesses[i].pid, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_guessed_before_anything_was_found),
        cmocka_unit_test(a_program_is_expected_to_go_on_as_it_does),
        cmocka_unit_test(of_several_sockets_the_one_had_longest_is_expected_again),
        cmocka_unit_test(no_more_than_the_latest_are_kept),
        cmocka_unit_test(no_descriptor_is_guessed_twice_or_below_zero),
        cmocka_unit_test(programs_that_take_turns_are_each_the_second_guess),
        cmocka_unit_test(the_process_found_longest_ago_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
