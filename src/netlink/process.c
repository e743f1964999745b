/*
 * process.c - what a process of the sandbox is
 *
 * How this works. To read arguments and parent takes a dozen system calls, and
 * a connection waits for them. They are kept, with a descriptor of the process's
 * /proc/PID/pagemap: that belongs to the memory of the program that ran when it
 * was opened, and reads as empty once this memory is gone (fs/proc/task_mmu.c).
 * So one read tells that neither a new process has this number nor the old
 * one another program. A second such descriptor tells that the parent is the same.
 *
 * Memory can be shared (CLONE_VM without CLONE_THREAD) and then outlives the
 * program of one that shared it, so the program is read each time as well.
 *
 * What is read while it changes is not kept: the descriptors are opened first,
 * and must still be good at the end. Where they cannot be had, nothing is kept.
 *
 * To open pagemap waits for the part of execve(2) that swaps the memory and closes
 * descriptors (mm_access() takes exec_update_lock, which is held from the one to
 * past the other).
 */
#include "netlink/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

static void owner_done(struct cf_owner *owner)
{
    free(owner->exe);
    free(owner->argv);
    free(owner->parent_exe);
}

static void process_done(struct cf_process *process)
{
    owner_done(&process->is);
    cf_fd_close(&process->life_fd);
    cf_fd_close(&process->parent_life_fd);
}

void cf_processes_init(struct cf_processes *processes, int proc_fd)
{
    memset(processes, 0, sizeof *processes);
    processes->proc_fd = proc_fd;
    processes->fleeting.life_fd = processes->fleeting.parent_life_fd = -1;
}

void cf_processes_done(struct cf_processes *processes)
{
    while (processes->n_kept > 0)
        process_done(&processes->kept[--processes->n_kept]);
    process_done(&processes->fleeting);
}

static int file_open(const struct cf_processes *processes, int pid, const char *name)
{
    char path[32];

    snprintf(path, sizeof path, "%d/%s", pid, name);
    return openat(processes->proc_fd, path, O_RDONLY | O_CLOEXEC);
}

/* The memory that a descriptor of pagemap belongs to is still some program's. */
static bool lives(int life_fd)
{
    uint64_t page;

    return pread(life_fd, &page, sizeof page, 0) == (ssize_t)sizeof page;
}

int cf_process_exe(const struct cf_processes *processes, int pid, char *text, size_t size)
{
    char path[32];
    ssize_t n;

    snprintf(path, sizeof path, "%d/exe", pid);
    n = readlinkat(processes->proc_fd, path, text, size - 1);
    text[n < 0 ? 0 : n] = '\0';
    return n < 0 ? -errno : 0;
}

static char *exe_copy(const struct cf_processes *processes, int pid)
{
    char text[4096];

    return cf_process_exe(processes, pid, text, sizeof text) < 0 ? NULL : strdup(text);
}

static char *argv_copy(const struct cf_processes *processes, int pid)
{
    char text[CF_OWNER_ARGV_SIZE];
    cf_auto_close int fd = file_open(processes, pid, "cmdline");
    ssize_t n;

    if (fd < 0)
        return NULL;
    n = read(fd, text, sizeof text - 1);
    if (n < 0)
        return NULL;
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] == '\0')
            text[i] = ' ';
    }
    text[n] = '\0';
    return strdup(text);
}

/* The fourth field of proc_pid_stat(5), behind a name that may hold anything but its last ')'. */
static int parent_read(const struct cf_processes *processes, int pid)
{
    char text[512];
    const char *end;
    cf_auto_close int fd = file_open(processes, pid, "stat");
    ssize_t n;
    int parent = 0;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* Returns true when it was the same process with the same parent from start to end. */
static bool process_read(const struct cf_processes *processes, int pid, struct cf_process *process)
{
    struct cf_owner *is = &process->is;

    process->life_fd = file_open(processes, pid, "pagemap");
    process->parent_life_fd = -1;
    is->pid = pid;
    is->exe = exe_copy(processes, pid);
    is->argv = argv_copy(processes, pid);
    is->parent_pid = parent_read(processes, pid);
    /* The first process is nobody's news, and who is its child has no other parent any more. */
    if (is->parent_pid > 1) {
        process->parent_life_fd = file_open(processes, is->parent_pid, "pagemap");
        is->parent_exe = exe_copy(processes, is->parent_pid);
        if (parent_read(processes, pid) != is->parent_pid || !lives(process->parent_life_fd))
            return false;
    }
    return is->exe && lives(process->life_fd);
}

static bool is_as_kept(const struct cf_processes *processes, const struct cf_process *process)
{
    char exe[4096];

    return lives(process->life_fd) &&
           (process->parent_life_fd < 0 || lives(process->parent_life_fd)) &&
           cf_process_exe(processes, process->is.pid, exe, sizeof exe) == 0 &&
           strcmp(exe, process->is.exe) == 0;
}

/* Where it is kept, or NULL. What is no longer true is dropped. */
static struct cf_process *kept_find(struct cf_processes *processes, int pid)
{
    for (size_t i = 0; i < processes->n_kept; i++) {
        struct cf_process process = processes->kept[i];

        if (process.is.pid != pid)
            continue;
        if (is_as_kept(processes, &process)) {
            memmove(processes->kept + 1, processes->kept, i * sizeof process);
            processes->kept[0] = process;
            return &processes->kept[0];
        }
        process_done(&process);
        processes->n_kept--;
        memmove(processes->kept + i, processes->kept + i + 1,
                (processes->n_kept - i) * sizeof process);
        return NULL;
    }
    return NULL;
}

static struct cf_process *keep(struct cf_processes *processes, const struct cf_process *process)
{
    if (processes->n_kept == CF_PROCESSES_KEPT)
        process_done(&processes->kept[--processes->n_kept]);
    memmove(processes->kept + 1, processes->kept, processes->n_kept * sizeof *process);
    processes->n_kept++;
    processes->kept[0] = *process;
    return &processes->kept[0];
}

const struct cf_owner *cf_process_find(struct cf_processes *processes, int pid)
{
    struct cf_process *found = kept_find(processes, pid), process = { 0 };

    if (found)
        return &found->is;
    if (process_read(processes, pid, &process))
        return &keep(processes, &process)->is;
    process_done(&processes->fleeting);
    processes->fleeting = process;
    return &processes->fleeting.is;
}

const struct cf_owner *cf_process_kept(const struct cf_processes *processes, int pid)
{
    for (size_t i = 0; i < processes->n_kept; i++) {
        if (processes->kept[i].is.pid == pid)
            return &processes->kept[i].is;
    }
    return NULL;
}

void cf_process_settle(const struct cf_processes *processes, int pid)
{
    cf_auto_close int fd = file_open(processes, pid, "pagemap");

    (void)fd;
}
