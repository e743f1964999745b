/*
 * scene.c - run the small engine as root or as an ordinary user, and look at it
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/sandbox.h"

const struct who who_root = { "root", true };
const struct who who_user = { "user", false };
char scene_folder[64];

static unsigned plays;

static void copy(const char *name)
{
    char from[512], to[512], *data;
    size_t length;
    int fd;

    snprintf(from, sizeof from, "%s/%s", BUILD_DIR, name);
    snprintf(to, sizeof to, "%s/%s", scene_folder, name);
    assert_int_equal(cf_fd_read_file(from, 64 << 20, &data, &length), 0);
    fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(cf_fd_write_all(fd, data, length), 0);
    fchmod(fd, 0755);
    close(fd);
    free(data);
}

/* Under nohup, or in the background of a script, some would stay ignored in all that is run. */
static void signals_as_at_a_prompt(void)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
}

int scene_open(void **state)
{
    (void)state;
    signals_as_at_a_prompt();
    snprintf(scene_folder, sizeof scene_folder, "/tmp/cf-sandbox-XXXXXX");
    assert_non_null(mkdtemp(scene_folder));
    chmod(scene_folder, 01777);
    copy("enter");
    copy("probe");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int scene_close(void **state)
{
    (void)state;
    return nftw(scene_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool scene_possible(void)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        struct cf_identity identity;
        struct cf_error err = { 0 };

        if (cf_sandbox_identity(&identity, &err) == 0 && unshare(CLONE_NEWNET) == 0)
            _exit(0);
        printf("skipped: %s\n", err.text[0] ? err.text : "no network namespaces here");
        fflush(stdout);
        _exit(1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

const struct who *scene_who(void **state)
{
    const struct who *who = *state;

    if (who->root && geteuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    return who;
}

/* Power over mounts, in a namespace that goes with the engine. */
static void enter_mounts(void)
{
    char map[64];

    if (geteuid() != 0) {
        unsigned uid = geteuid(), gid = getegid();

        if (unshare(CLONE_NEWUSER) < 0)
            _exit(90);
        cf_fd_write_file("/proc/self/setgroups", "deny");
        snprintf(map, sizeof map, "%u %u 1", uid, uid);
        cf_fd_write_file("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "%u %u 1", gid, gid);
        cf_fd_write_file("/proc/self/gid_map", map);
    }
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        _exit(91);
}

static void become(const struct who *who)
{
    gid_t groups[] = { ORDINARY_GROUP };

    if (who->root || geteuid() != 0)
        return;
    if (setgroups(1, groups) < 0 || setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0 ||
        setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0)
        _exit(92);
}

static _Noreturn void engine_run(const struct scene *scene, const struct play *play,
                                 const char *const *command)
{
    const char *argv[32] = { "enter", play->report_path };
    char path[128];
    int n = 2;

    if (chdir(scene_folder) < 0)
        _exit(93);
    if (scene->layout) {
        enter_mounts();
        scene->layout(scene);
    }
    become(scene->who);
    if (scene->option)
        argv[n++] = scene->option;
    for (int i = 0; command[i]; i++)
        argv[n++] = command[i];
    if (scene->before)
        scene->before(scene);
    snprintf(path, sizeof path, "%s/enter", scene_folder);
    execv(path, (char *const *)argv);
    _exit(94);
}

void play_start(const struct scene *scene, struct play *ret_play, const char *const *command)
{
    int out[2];

    snprintf(ret_play->report_path, sizeof ret_play->report_path, "%s/report-%u", scene_folder,
             plays++);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    ret_play->pid = fork();
    assert_true(ret_play->pid >= 0);
    if (ret_play->pid == 0) {
        int in = scene->terminal ? scene->terminal : open("/dev/null", O_RDONLY | O_CLOEXEC);

        dup2(in, 0);
        dup2(scene->terminal ? scene->terminal : out[1], 1);
        dup2(scene->terminal ? scene->terminal : out[1], 2);
        if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
            _exit(95);
        engine_run(scene, ret_play, command);
    }
    close(out[1]);
    ret_play->out_fd = out[0];
}

void play_report(const struct play *play, char *text, size_t size)
{
    cf_auto_close int fd = open(play->report_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

    text[n < 0 ? 0 : n] = '\0';
}

long play_number(const struct play *play, const char *key)
{
    char text[16384], *at;

    play_report(play, text, sizeof text);
    at = strstr(text, key);
    if (!at)
        fail_msg("no '%s' in the report: %s", key, text);
    return strtol(at + strlen(key), NULL, 10);
}

void play_end(struct play *play, struct outcome *ret)
{
    size_t length = 0;
    ssize_t n;

    while ((n = read(play->out_fd, ret->out + length, sizeof ret->out - 1 - length)) > 0)
        length += (size_t)n;
    ret->out[length] = '\0';
    close(play->out_fd);
    assert_int_equal(waitpid(play->pid, &ret->status, 0), play->pid);
    play_report(play, ret->report, sizeof ret->report);
    unlink(play->report_path);
}

void play_wait_for(struct play *play, const char *text)
{
    char seen[4096] = "";
    size_t length = 0;

    while (!strstr(seen, text)) {
        ssize_t n = read(play->out_fd, seen + length, sizeof seen - 1 - length);

        if (n <= 0)
            fail_msg("the output ends before '%s': %s", text, seen);
        length += (size_t)n;
        seen[length] = '\0';
    }
}

void scene_shell(const struct scene *scene, struct outcome *ret, const char *script)
{
    const char *const command[] = { "sh", "-c", script, NULL };
    struct play play;

    play_start(scene, &play, command);
    play_end(&play, ret);
}

void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in: %s", part, text);
}

void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("there is '%s' in: %s", part, text);
}
