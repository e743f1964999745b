/*
 * slirp.c - run a command in a network namespace that slirp4netns serves
 *
 *   slirp COMMAND [ARGUMENT]...
 *
 * slirp4netns is attached to a namespace that exists; this is the least that
 * a program must do for that: make the namespaces, start slirp4netns, wait
 * for it to be ready, then exec the command.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "slirp: %s: %s\n", what, strerror(errno));
    _exit(125);
}

static void file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        die(path);
    close(fd);
}

static void wait_byte(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1)
        _exit(125); /* the other side is gone, and has said why */
}

/* In namespaces of its own: tell that they are there, wait for the network, exec. */
static void command_run(char **argv, int made, int ready)
{
    unsigned int uid = getuid(), gid = getgid();
    char map[32];

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        die("cannot make namespaces");
    file_write("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    file_write("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    file_write("/proc/self/gid_map", map);
    if (write(made, "x", 1) != 1)
        die("cannot tell");
    wait_byte(ready);
    execvp(argv[0], argv);
    die(argv[0]);
}

static pid_t slirp_start(pid_t command, int ready)
{
    pid_t pid = fork();
    char target[16], fd[16];

    if (pid != 0)
        return pid;
    snprintf(target, sizeof target, "%d", (int)command);
    snprintf(fd, sizeof fd, "%d", ready);
    fcntl(ready, F_SETFD, 0);
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execlp("slirp4netns", "slirp4netns", "--configure", "--mtu=65520", "--disable-dns",
           "--ready-fd", fd, target, "tap0", (char *)NULL);
    die("slirp4netns");
}

int main(int argc, char **argv)
{
    int made[2], ready[2], status;
    pid_t command, slirp;

    if (argc < 2 || pipe2(made, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
        die("usage: slirp COMMAND [ARGUMENT]...");
    command = fork();
    if (command == 0) {
        close(ready[1]);
        command_run(argv + 1, made[1], ready[0]);
    }
    close(made[1]);
    wait_byte(made[0]);
    slirp = slirp_start(command, ready[1]);
    close(ready[1]);
    if (command < 0 || slirp < 0 || waitpid(command, &status, 0) < 0)
        die("cannot start");
    kill(slirp, SIGTERM);
    waitpid(slirp, NULL, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
