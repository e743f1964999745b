#include <stdio.h>

int main(void)
{
    puts("hello from a release that was downloaded");
    return 0;
}
