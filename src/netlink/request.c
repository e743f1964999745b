/*
 * request.c - ask the kernel over netlink, one request at a time
 */
#include "netlink/request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* Larger than any answer to one message: the kernel cuts dumps at 32 KiB. */
#define ANSWER_SIZE 32768

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

int cf_netlink_open(int protocol, struct cf_error *err)
{
    const int on = 1;
    int fd;

    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot open a netlink socket of protocol %d", protocol);
    /* Words with errors, and no copy of the request: both are helps, not needs. */
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return fd;
}

struct nl_msg *cf_netlink_request(int type, int flags)
{
    return nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* The kernel's own words behind an error, or NULL. */
static const char *error_words(const struct nlmsghdr *answer)
{
    struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1] = { 0 };
    const struct nlmsgerr *error = nlmsg_data(answer);
    int header = sizeof(*error);

    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        header += (int)(error->msg.nlmsg_len - sizeof(error->msg));
    if (header < 0 ||
        nlmsg_parse((struct nlmsghdr *)answer, header, attrs, NLMSGERR_ATTR_MAX, NULL) < 0)
        return NULL;
    return attrs[NLMSGERR_ATTR_MSG] ? nla_get_string(attrs[NLMSGERR_ATTR_MSG]) : NULL;
}

static int error_read(const struct nlmsghdr *answer, struct cf_error *err)
{
    const struct nlmsgerr *error = nlmsg_data(answer);
    const char *words;

    if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
        return cf_error_set(err, -EBADMSG, "short answer from the kernel");
    if (error->error == 0)
        return 0;
    words = error_words(answer);
    if (words)
        return cf_error_errno(err, error->error, "%s", words);
    return cf_error_errno(err, error->error, "the kernel refuses");
}

/* Reads one datagram; sets *ret_done when the request is answered. */
static int answers_read(int fd, const struct nlmsghdr *request,
                        int (*fn)(void *data, const struct nlmsghdr *answer), void *data,
                        bool *ret_done, struct cf_error *err)
{
    _Alignas(struct nlmsghdr) char buffer[ANSWER_SIZE];
    struct nlmsghdr *answer = (struct nlmsghdr *)(void *)buffer;
    ssize_t n;
    int left, r;

    do {
        n = recv(fd, buffer, sizeof(buffer), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cf_error_errno(err, -errno, "cannot read from the kernel");
    for (left = (int)n; nlmsg_ok(answer, left); answer = nlmsg_next(answer, &left)) {
        if (answer->nlmsg_seq != request->nlmsg_seq)
            continue;
        if (answer->nlmsg_type == NLMSG_ERROR || answer->nlmsg_type == NLMSG_DONE) {
            *ret_done = true;
            return answer->nlmsg_type == NLMSG_ERROR ? error_read(answer, err) : 0;
        }
        r = fn ? fn(data, answer) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}

int cf_netlink_talk(int fd, struct nl_msg *request,
                    int (*fn)(void *data, const struct nlmsghdr *answer), void *data,
                    struct cf_error *err)
{
    struct nlmsghdr *header;
    bool done = false;
    ssize_t n;
    int r = 0;

    if (!request)
        return cf_error_set(err, -ENOMEM, "out of memory");
    header = nlmsg_hdr(request);
    header->nlmsg_seq = 1;
    do {
        n = send(fd, header, header->nlmsg_len, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        r = cf_error_errno(err, -errno, "cannot send to the kernel");
    while (r == 0 && !done)
        r = answers_read(fd, header, fn, data, &done, err);
    nlmsg_free(request);
    return r;
}
