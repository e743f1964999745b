/*
 * nflog.c - packets that the gateway's rules logged (nfnetlink_log)
 *
 * Datagrams are read in batches into buffers that live as long as the
 * process; nothing is allocated for a packet. A buffer takes the largest
 * packet that the kernel logs, but memory is only touched as far as packets
 * fill it.
 */
#include "netlink/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/request.h"
#include "netlink/stray.h"

#define BATCH 32

/* An attribute holds less than 64 KiB; room for its fellows. */
#define SLOT_SIZE (68 * 1024)

/* First size of the kernel's buffer: a SYN and its attributes; it grows for more. */
#define KERNEL_BUFFER_SIZE 256

/* Longest wait for the rest of a batch, in hundredths of a second. */
#define BATCH_WAIT 10

/* A command for a group, to which attributes can be added; NULL when out of memory. */
static struct nl_msg *group_request(uint16_t group, uint8_t what)
{
    const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC,
                                     .version = NFNETLINK_V0,
                                     .res_id = htons(group) };
    const struct nfulnl_msg_config_cmd command = { .command = what };
    struct nl_msg *request = cf_netlink_request(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0);

    if (request && (nlmsg_append(request, (void *)&header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
                    nla_put(request, NFULA_CFG_CMD, sizeof(command), &command) < 0)) {
        nlmsg_free(request);
        return NULL;
    }
    return request;
}

static struct nl_msg *bind_request(const struct cf_nflog_config *config)
{
    const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(config->copy_bytes),
                                                 .copy_mode = NFULNL_COPY_PACKET };
    struct nl_msg *request = group_request(config->group, NFULNL_CFG_CMD_BIND);
    int r;

    if (!request)
        return NULL;
    r = nla_put(request, NFULA_CFG_MODE, sizeof(mode), &mode);
    r |= nla_put_u16(request, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
    r |= nla_put_u32(request, NFULA_CFG_QTHRESH, htonl(config->batch));
    r |= nla_put_u32(request, NFULA_CFG_TIMEOUT, htonl(BATCH_WAIT));
    if (config->batch == 1)
        r |= nla_put_u32(request, NFULA_CFG_NLBUFSIZ, htonl(KERNEL_BUFFER_SIZE));
    if (r < 0) {
        nlmsg_free(request);
        return NULL;
    }
    return request;
}

int cf_nflog_open(const struct cf_nflog_config *config, struct cf_error *err)
{
    cf_auto_close int fd = -1;
    int r;

    fd = cf_netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0)
        return cf_error_wrap(err, fd == -EPROTONOSUPPORT
                                      ? "the kernel lacks nfnetlink (CONFIG_NETFILTER_NETLINK)"
                                      : "cannot ask nfnetlink");
    r = cf_netlink_talk(fd, bind_request(config), NULL, NULL, err);
    if (r == -EINVAL || r == -EOPNOTSUPP || r == -ENOENT)
        return cf_error_wrap(err, "the kernel lacks nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG, "
                                  "module 'nfnetlink_log'; as root: modprobe nfnetlink_log)");
    if (r < 0)
        return cf_error_wrap(err, "cannot bind netfilter's log group %u", config->group);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return cf_error_errno(err, -errno, "cannot make a netlink socket non-blocking");
    r = fd;
    fd = -1;
    return r;
}

int cf_nflog_unbind(int fd, uint16_t group)
{
    struct nl_msg *request = group_request(group, NFULNL_CFG_CMD_UNBIND);
    struct nlmsghdr *header;
    int r = 0;

    if (!request)
        return -ENOMEM;
    header = nlmsg_hdr(request);
    header->nlmsg_flags = NLM_F_REQUEST; /* an acknowledgement would stand among the packets */
    if (send(fd, header, header->nlmsg_len, 0) < 0)
        r = -errno;
    nlmsg_free(request);
    return r;
}

static void message_read(const struct nlmsghdr *message,
                         void (*fn)(void *data, const struct cf_nflog_packet *packet), void *data)
{
    struct nlattr *attrs[NFULA_MAX + 1] = { 0 };
    struct cf_nflog_packet packet = { .prefix = "" };

    if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
        nlmsg_parse((struct nlmsghdr *)message, sizeof(struct nfgenmsg), attrs, NFULA_MAX, NULL) <
            0)
        return;
    if (!attrs[NFULA_PAYLOAD])
        return;
    packet.data = nla_data(attrs[NFULA_PAYLOAD]);
    packet.length = (size_t)nla_len(attrs[NFULA_PAYLOAD]);
    if (attrs[NFULA_SEQ])
        packet.seq = ntohl(nla_get_u32(attrs[NFULA_SEQ]));
    if (attrs[NFULA_PREFIX] && nla_len(attrs[NFULA_PREFIX]) > 0)
        packet.prefix = nla_get_string(attrs[NFULA_PREFIX]);
    if (strcmp(packet.prefix, CF_STRAY_REST) == 0)
        packet.prefix = cf_stray_reason(packet.data, packet.length);
    fn(data, &packet);
}

int cf_nflog_read(int fd, int budget, void (*fn)(void *data, const struct cf_nflog_packet *packet),
                  void *data)
{
    static _Alignas(struct nlmsghdr) char slots[BATCH][SLOT_SIZE];
    struct mmsghdr headers[BATCH] = { 0 };
    struct iovec vectors[BATCH];
    int total = 0;

    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec) { .iov_base = slots[i], .iov_len = SLOT_SIZE };
        headers[i].msg_hdr = (struct msghdr) { .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    while (total < budget) {
        const int ask = budget - total < BATCH ? budget - total : BATCH;
        int n = recvmmsg(fd, headers, (unsigned)ask, MSG_DONTWAIT, NULL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? total : -errno;
        for (int i = 0; i < n; i++) {
            struct nlmsghdr *message = (struct nlmsghdr *)(void *)slots[i];
            int left = (int)headers[i].msg_len;

            for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left))
                message_read(message, fn, data);
        }
        total += n;
        if (n < ask)
            break;
    }
    return total;
}
