/* Every registered provider with its type, one a line; below each that is ours, the containers made here.
 *
 *     enumerate PREFIX
 *
 * Makes two containers in each provider whose name begins with PREFIX, lists that provider's containers, and deletes the
 * two again. */

#include <string.h>

#include "program.h"

static const char *const MADE[] = {"enumerated one", "enumerated two"};

static void containers(const char *name, DWORD type)
{
    HCRYPTPROV provider;
    char container[MAX_PATH + 1];
    DWORD length, flags = CRYPT_FIRST;
    int i, found = 0;

    for (i = 0; i < 2; i++) {
        must(CryptAcquireContextA(&provider, MADE[i], name, type, CRYPT_NEWKEYSET), "CryptAcquireContext");
        must(CryptReleaseContext(provider, 0), "CryptReleaseContext");
    }
    must(CryptAcquireContextA(&provider, NULL, name, type, CRYPT_VERIFYCONTEXT), "CryptAcquireContext");
    for (;;) {
        length = sizeof container;
        if (!CryptGetProvParam(provider, PP_ENUMCONTAINERS, (BYTE *)container, &length, flags))
            break;
        printf("          %s\n", container);
        for (i = 0; i < 2; i++)
            found += strcmp(container, MADE[i]) == 0;
        flags = CRYPT_NEXT;
    }
    must(GetLastError() == ERROR_NO_MORE_ITEMS, "CryptGetProvParam");
    must(found == 2, "the containers that were made");
    must(CryptReleaseContext(provider, 0), "CryptReleaseContext");
    for (i = 0; i < 2; i++)
        must(CryptAcquireContextA(&provider, MADE[i], name, type, CRYPT_DELETEKEYSET), "CryptAcquireContext");
}

int main(int argc, char **argv)
{
    char name[MAX_PATH];
    DWORD index, type, length, ours = 0;

    must(argc == 2, "one argument");
    for (index = 0;; index++) {
        length = sizeof name;
        if (!CryptEnumProvidersA(index, NULL, 0, &type, name, &length))
            break;
        printf("type %3lu  %s\n", (unsigned long)type, name);
        if (strncmp(name, argv[1], strlen(argv[1])) == 0) {
            containers(name, type);
            ours++;
        }
    }
    must(GetLastError() == ERROR_NO_MORE_ITEMS, "CryptEnumProviders");
    must(ours > 0, "a provider of ours");
    return 0;
}
