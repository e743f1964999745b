/*
 * test_interface.c - choosing an interface and watching it, in a namespace of links
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/hash.h"
#include "lab.h"
#include "netlink/interface.h"

/* up0 and up1 are up, idle has no carrier, off is down. */
static const char *const links = "set -e; ip link set lo up; "
                                 "ip link add up0 type veth peer name up1; "
                                 "ip link add idle type veth peer name off; "
                                 "ip link set up0 up; ip link set up1 up; ip link set idle up";

static void run(const char *commands)
{
    assert_int_equal(system(commands), 0);
}

static int make_links(void **state)
{
    (void)state;
    return unshare(CLONE_NEWNET) < 0 || system(links) != 0 ? -1 : 0;
}

static size_t split(char *text, char **names)
{
    size_t n = 0;

    for (char *name = strtok(text, " "); name; name = strtok(NULL, " "))
        names[n++] = name;
    return n;
}

/* expected: a name; or what the message says */
static void check_choice(const char *among, int expected_r, const char *expected)
{
    struct cf_interface interface = { 0 };
    struct cf_error err = { 0 };
    char text[256], *names[32];
    size_t n;

    snprintf(text, sizeof text, "%s", among);
    n = split(text, names);
    assert_int_equal(cf_interface_open(names, n, &interface, &err), expected_r);
    if (expected_r < 0) {
        assert_string_equal(err.text, expected);
        return;
    }
    assert_string_equal(interface.name, expected);
    assert_int_equal(interface.index, if_nametoindex(expected));
    cf_interface_close(&interface);
}

static void the_first_that_is_up_and_has_a_carrier_is_chosen(void **state)
{
    (void)state;
    check_choice("up0", 0, "up0");
    check_choice("up1 up0", 0, "up1");
    check_choice("none off idle up1 up0", 0, "up1");
    check_choice("lo", 0, "lo");
}

/* Of a pair the peer comes first. */
#define HAS "; the host has lo (up), up1 (up), up0 (up), off (down), idle (no carrier)"

static void none_that_will_do_is_told_with_those_there_are(void **state)
{
    (void)state;
    check_choice("none", -ENODEV, "'none' does not exist" HAS);
    check_choice("off", -ENODEV, "'off' is down" HAS);
    check_choice("idle", -ENODEV, "'idle' has no carrier" HAS);
    check_choice("UP0 up off idle", -ENODEV,
                 "'UP0' does not exist, 'up' does not exist, 'off' is down, 'idle' has no "
                 "carrier" HAS);
}

static void more_names_than_there_may_be_are_refused(void **state)
{
    (void)state;
    check_choice("a b c d e f g h i j k l m n o p q", -E2BIG, "more than 16 interfaces");
}

static void many_interfaces_are_told_in_part(void **state)
{
    struct cf_interface interface = { 0 };
    struct cf_error err = { 0 };
    char *names[] = { "none" };
    size_t length;

    (void)state;
    run("for n in 1 2 3 4 5 6; do ip link add many$n type veth peer name more$n; done");
    assert_int_equal(cf_interface_open(names, 1, &interface, &err), -ENODEV);
    length = strlen(err.text);
    assert_true(length > 5);
    assert_string_equal(err.text + length - 5, ", ...");
}

static void check_bind(const char *name, int expected)
{
    const struct cf_addr anywhere = { .family = CF_FAMILY_NONE };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(cf_egress_bind(fd, name, &anywhere), expected);
    close(fd);
}

/* It may be that of another interface by the time the chosen one is gone. */
static void an_alternative_name_is_none(void **state)
{
    (void)state;
    run("ip link property add dev up1 altname second");
    check_choice("second up0", 0, "up0");
    check_bind("up1", 0);
    check_bind("second", -ENODEV);
}

struct scene {
    struct cf_interface interface;
    struct cf_loop *loop;
    struct cf_timer limit;
    unsigned gone[8];
    size_t n_gone;
};

static void on_gone(void *data, unsigned index)
{
    struct scene *scene = data;

    assert_true(scene->n_gone < 8);
    scene->gone[scene->n_gone++] = index;
    cf_loop_stop(scene->loop, 0);
}

static void too_late(struct cf_timer *timer)
{
    cf_loop_stop(cf_container_of(timer, struct scene, limit)->loop, -ETIMEDOUT);
}

static void scene_start(struct scene *scene, const char *name)
{
    char text[CF_INTERFACE_NAME_SIZE], *names[] = { text };
    struct cf_error err = { 0 };

    memset(scene, 0, sizeof *scene);
    snprintf(text, sizeof text, "%s", name);
    scene->limit.fn = too_late;
    assert_int_equal(cf_loop_new(&scene->loop, &err), 0);
    assert_int_equal(cf_interface_open(names, 1, &scene->interface, &err), 0);
}

static void scene_watch(struct scene *scene)
{
    struct cf_error err = { 0 };

    assert_int_equal(cf_interface_watch(&scene->interface, scene->loop, on_gone, scene, &err), 0);
}

/* Until an interface is told to be gone; a minute at most. */
static void check_gone(struct scene *scene, unsigned index)
{
    size_t before = scene->n_gone;

    cf_loop_timer_start(scene->loop, &scene->limit, cf_clock_monotonic_us() + 60 * CF_US_PER_S);
    assert_int_equal(cf_loop_run(scene->loop), 0);
    cf_loop_timer_stop(scene->loop, &scene->limit);
    assert_int_equal(scene->n_gone, before + 1);
    assert_int_equal(scene->gone[before], index);
}

static void scene_end(struct scene *scene)
{
    cf_interface_close(&scene->interface);
    cf_interface_close(&scene->interface);
    cf_loop_free(scene->loop);
}

static void an_interface_that_is_deleted_is_gone(void **state)
{
    struct scene scene;
    unsigned index;

    (void)state;
    scene_start(&scene, "up1");
    index = scene.interface.index;
    scene_watch(&scene);
    run("ip link del off; ip link set up1 down; ip link set up1 up; ip link del up1");
    check_gone(&scene, index);
    scene_end(&scene);
}

static void an_interface_that_is_deleted_before_it_is_watched_is_gone(void **state)
{
    struct scene scene;
    unsigned index;

    (void)state;
    scene_start(&scene, "up1");
    index = scene.interface.index;
    run("ip link del up1");
    scene_watch(&scene);
    check_gone(&scene, index);
    scene_end(&scene);
}

static void an_interface_that_is_renamed_is_gone(void **state)
{
    struct scene scene;
    unsigned index;

    (void)state;
    scene_start(&scene, "up1");
    index = scene.interface.index;
    scene_watch(&scene);
    run("ip link set up1 down; ip link set up1 name other; ip link set other up");
    check_gone(&scene, index);
    scene_end(&scene);
}

/* A further network namespace; the caller stays in its own. */
static int other_netns(void)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;

    assert_true(here >= 0);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    there = open("/proc/self/ns/net", O_RDONLY); /* which programs inherit */
    assert_true(there >= 0);
    assert_int_equal(setns(here, CLONE_NEWNET), 0);
    close(here);
    return there;
}

static void an_interface_that_is_moved_to_another_namespace_is_gone(void **state)
{
    int there = other_netns();
    struct scene scene;
    unsigned index;
    char command[128];

    (void)state;
    scene_start(&scene, "up1");
    index = scene.interface.index;
    scene_watch(&scene);
    snprintf(command, sizeof command, "ip link set up1 netns /proc/self/fd/%d", there);
    run(command);
    check_gone(&scene, index);
    scene_end(&scene);
    close(there);
}

static void a_new_one_of_the_same_name_is_watched_in_its_turn(void **state)
{
    struct scene scene;
    unsigned first, second;

    (void)state;
    scene_start(&scene, "up1");
    first = scene.interface.index;
    scene_watch(&scene);
    run("ip link del up1; ip link add up1 type veth peer name up0; ip link set up1 up");
    check_gone(&scene, first);
    second = if_nametoindex("up1");
    assert_int_not_equal(second, first);
    run("ip link del up1");
    check_gone(&scene, second);
    assert_int_equal(scene.interface.index, 0);
    scene_end(&scene);
}

static void what_a_bridge_tells_of_its_port_is_no_loss(void **state)
{
    struct scene scene;
    unsigned index;

    (void)state;
    scene_start(&scene, "up0");
    index = scene.interface.index;
    scene_watch(&scene);
    if (system("ip link add bridge type bridge") != 0) {
        scene_end(&scene);
        skip(); /* a kernel without bridges */
    }
    run("ip link set up0 master bridge; ip link set up0 nomaster; ip link del bridge; "
        "ip link del up0");
    check_gone(&scene, index);
    assert_int_equal(scene.n_gone, 1);
    scene_end(&scene);
}

static void lost_announcements_are_made_up_for(void **state)
{
    struct scene scene;
    unsigned index;
    int small = 1;

    (void)state;
    scene_start(&scene, "up1");
    index = scene.interface.index;
    assert_int_equal(setsockopt(scene.interface.events_fd, SOL_SOCKET, SO_RCVBUF, &small,
                                sizeof small),
                     0);
    /* The first stays, and tells of the one that is deleted behind it. */
    run("ip link set up1 mtu 1400; "
        "for n in 1 2 3 4; do ip link del idle; ip link add idle type veth peer name off; done; "
        "ip link del up1; ip link add up1 type veth peer name up0");
    scene_watch(&scene);
    check_gone(&scene, index);
    assert_int_equal(scene.interface.index, if_nametoindex("up1"));
    scene_end(&scene);
}

#define CASE(function) cmocka_unit_test_setup(function, make_links)

static int tests(void)
{
    const struct CMUnitTest all[] = {
        CASE(the_first_that_is_up_and_has_a_carrier_is_chosen),
        CASE(none_that_will_do_is_told_with_those_there_are),
        CASE(more_names_than_there_may_be_are_refused),
        CASE(many_interfaces_are_told_in_part),
        CASE(an_alternative_name_is_none),
        CASE(an_interface_that_is_deleted_is_gone),
        CASE(an_interface_that_is_deleted_before_it_is_watched_is_gone),
        CASE(an_interface_that_is_renamed_is_gone),
        CASE(an_interface_that_is_moved_to_another_namespace_is_gone),
        CASE(a_new_one_of_the_same_name_is_watched_in_its_turn),
        CASE(what_a_bridge_tells_of_its_port_is_no_loss),
        CASE(lost_announcements_are_made_up_for),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    if (system("ip -V >/dev/null 2>&1") != 0) {
        printf("skipped: no ip program (iproute2)\n");
        return 77;
    }
    return lab_run(tests);
}
