/*
 * Signs many messages with the signature key of a container that is there, and verifies each signature.
 *
 *     repeat CONTAINER COUNT
 *
 * Prints "signed N" when it has them all. Ends with exit code 1 at the first call that fails, after the number of signatures
 * that were made before it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <windows.h>
#include <wincrypt.h>

static const char PROVIDER[] = "nCipher Enhanced RSA and AES Cryptographic Provider";
static unsigned long signatures;

static void must(BOOL answer, const char *call)
{
    if (!answer) {
        DWORD code = GetLastError();
        printf("signed %lu\n", signatures);
        fflush(stdout);
        fprintf(stderr, "%s: 0x%08lx\n", call, (unsigned long)code);
        exit(1);
    }
}

static HCRYPTHASH hash_number(HCRYPTPROV prov, unsigned long number)
{
    HCRYPTHASH hash = 0;
    must(CryptCreateHash(prov, CALG_SHA_256, 0, 0, &hash), "CryptCreateHash");
    must(CryptHashData(hash, (const BYTE *)&number, sizeof number, 0), "CryptHashData");
    return hash;
}

static void sign_and_verify(HCRYPTPROV prov, HCRYPTKEY key)
{
    BYTE signature[2048];
    DWORD length = sizeof signature;
    HCRYPTHASH hash = hash_number(prov, signatures);
    must(CryptSignHash(hash, AT_SIGNATURE, NULL, 0, signature, &length), "CryptSignHash");
    signatures++;
    must(CryptVerifySignature(hash, signature, length, key, NULL, 0), "CryptVerifySignature");
    must(CryptDestroyHash(hash), "CryptDestroyHash");
}

int main(int argc, char **argv)
{
    HCRYPTPROV prov = 0;
    HCRYPTKEY key = 0;
    unsigned long wanted;

    if (argc != 3) {
        fprintf(stderr, "usage: %s CONTAINER COUNT\n", argv[0]);
        return 2;
    }
    wanted = strtoul(argv[2], NULL, 10);
    must(CryptAcquireContextA(&prov, argv[1], PROVIDER, PROV_RSA_AES, 0), "CryptAcquireContext");
    must(CryptGetUserKey(prov, AT_SIGNATURE, &key), "CryptGetUserKey");
    while (signatures < wanted)
        sign_and_verify(prov, key);
    printf("signed %lu\n", signatures);
    must(CryptDestroyKey(key), "CryptDestroyKey");
    must(CryptReleaseContext(prov, 0), "CryptReleaseContext");
    return 0;
}
