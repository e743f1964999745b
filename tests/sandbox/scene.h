/*
 * scene.h - run the small engine as root or as an ordinary user, and look at it
 */
#ifndef CF_TESTS_SANDBOX_SCENE_H
#define CF_TESTS_SANDBOX_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* An id that no machine gives to anyone. */
#define ORDINARY_ID 12345
#define ORDINARY_GROUP 23456

struct who {
    const char *name;
    bool root;
};

extern const struct who who_root, who_user;

/* Each case twice: cmocka names them apart. */
#define AS_BOTH(f) AS(f, root), AS(f, user)
#define AS(f, who)                                                                                 \
    {                                                                                              \
#f " as " #who, f, NULL, NULL, (void *)&who_##who                                          \
    }

struct outcome {
    int status;         /* of the engine, as waitpid(2) has it */
    char out[65536];    /* what the command wrote to 1 and 2 */
    char report[16384]; /* what the engine said */
};

/* One engine that is being started; everything has a default. */
struct scene {
    const struct who *who;
    void (*before)(const struct scene *scene); /* in the engine's process, just before its exec */
    void (*layout)(const struct scene *scene); /* in a mount namespace, with the power to mount */
    const char *option;                        /* of enter, such as "cwd=/" */
    int terminal;                              /* to be 0, 1 and 2; 0 means a pipe */
    const void *data;                          /* for the functions above */
};

/* An engine that runs. */
struct play {
    pid_t pid;
    int out_fd;
    char report_path[128];
};

/* A folder of this run, with copies of enter and probe, that everyone may use. */
extern char scene_folder[64];

/* Group set-up and tear-down. */
int scene_open(void **state);
int scene_close(void **state);

/* Print why and return false where no sandbox can be made at all. */
bool scene_possible(void);

/* Skips the case when this process cannot be that user. */
const struct who *scene_who(void **state);

/* Start enter with a command; arguments end with NULL. */
void play_start(const struct scene *scene, struct play *ret_play, const char *const *command);
/* Wait until its end; everything it wrote is in ret. */
void play_end(struct play *play, struct outcome *ret);
/* Read until text has been written; fails the case when the output ends before. */
void play_wait_for(struct play *play, const char *text);
/* The report as it stands. */
void play_report(const struct play *play, char *text, size_t size);
/* The number behind key in the report. */
long play_number(const struct play *play, const char *key);

/* Both in one, for `sh -c script`. */
void scene_shell(const struct scene *scene, struct outcome *ret, const char *script);

void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);

#endif
