/*
 * help.c - what --help and --version print
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"

static const char usage[] =
    "Usage: childflow [run] [-p FILE] [OPTION]... [--] [COMMAND [ARG]...]\n"
    "       childflow check [--strict] [--format text|json|sarif] FILE...\n"
    "       childflow show [-p FILE] [--format yaml|json] [--origins] [OPTION]...\n"
    "       childflow explain [-p FILE] [--format text|json] [--exe PATH] [--address ADDRESS]...\n"
    "                         [OPTION]... tcp://HOST:PORT | HOST | ADDRESS ...\n"
    "       childflow [SUBCOMMAND] --help | --version\n"
    "\n"
    "Run one command tree under a network policy and say what it contacted.\n"
    "Without -p everything is allowed and logged (audit mode).\n"
    "\n"
    "  -p, --policy FILE     the policy (YAML, see childflow-policy(5))\n"
    "      --mode MODE       enforce, or audit: block nothing, report what would be denied\n"
    "      --proxy URL       the way out: http, https, socks5 or socks5h://HOST:PORT\n"
    "      --dns SERVER      ask this DNS server instead of the policy's; again for more\n"
    "      --interface NAME  send everything out by this interface; again for more to try\n"
    "      --allow ENDPOINT  add an allow rule, e.g. 'registry.example.com:443'; again for more\n"
    "      --deny ENDPOINT   add a deny rule; of all rules the most specific decides\n"
    "      --log FILE        write the audit log here (JSON Lines)\n"
    "  -c, --capture FILE    write the command's packets here (pcapng; .pcap: classic pcap)\n"
    "      --point POINT     child, egress, egress-logical or both: where they are taken\n"
    "      --summary KIND    none, text or json, on stderr at the end\n"
    "      --live            keep a line on the terminal: flows, bytes, queries, denials\n"
    "      --engine-threads N\n"
    "                        carry TCP with so many threads, 1 to 64 (2, or 1 on 1 or 2 cores)\n"
    "  -q, --quiet           no summary\n"
    "  -v, --verbose         say each denial as it happens; -vv: each flow and query too\n"
    "  -h, --help            this text\n"
    "  -V, --version         the version\n"
    "\n"
    "Exit status: the command's own; 128+N when signal N ended it; 77 something was\n"
    "denied and the policy says fail_on_denial, or what explain was asked is denied; 78 the\n"
    "policy is wrong; 125 childflow failed; 126 the command cannot be executed; 127 it was\n"
    "not found.\n";

int cf_cli_help(void)
{
    fputs(usage, stdout);
    return fflush(stdout) == 0 ? 0 : -EIO;
}

int cf_cli_version(void)
{
    puts(PACKAGE_NAME " " PACKAGE_VERSION);
    return fflush(stdout) == 0 ? 0 : -EIO;
}
