/*
 * error.h - one error, said once, owned by the caller
 *
 * Functions return 0 or a negative errno. Cold paths also take a struct
 * cf_error as their last argument, which the caller owns and which costs no
 * allocation. Callers add what they know with cf_error_wrap(). Messages start
 * in lower case, quote their subject, and carry no full stop.
 */
#ifndef CF_BASE_ERROR_H
#define CF_BASE_ERROR_H

#define CF_ERROR_TEXT_SIZE 1024

struct cf_error {
    int code;                      /* negative errno; 0 means none */
    char text[CF_ERROR_TEXT_SIZE]; /* always terminated */
};

/*
 * Fill err with a message and return code, so that it can be returned in one
 * line. A message too long is cut. err may be NULL.
 */
int cf_error_set(struct cf_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As cf_error_set(), with ": " and the text of errno value -code behind it. */
int cf_error_errno(struct cf_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Put "fmt: " in front of the message that is there. Returns err->code
 * (-EIO when err is NULL).
 */
int cf_error_wrap(struct cf_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
